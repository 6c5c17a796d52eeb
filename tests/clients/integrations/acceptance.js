'use strict';
// The published client, unmodified, against the stub cloud and a device of it: one JSON line a step, then exit 0 or 1.
// Environment: CONFIG (what making the integration answered), NAME (of the device). Source: protocol/xapi.md 12.7, 14 item 6.

const { connect } = require('workspace-integrations');

const config = JSON.parse(process.env.CONFIG);
let failed = 0;

function equal(got, wanted) {
  const a = JSON.stringify(got);
  const b = JSON.stringify(wanted);
  if (a !== b) throw new Error(`got ${a}, wanted ${b}`);
}

async function refused(promise) {
  let result;
  try {
    result = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`no refusal: ${JSON.stringify(result)}`);
}

async function step(name, work) {
  try {
    await work();
    console.log(JSON.stringify({ step: name, ok: true }));
  } catch (error) {
    failed += 1;
    console.log(JSON.stringify({ step: name, ok: false, error: String(error && error.stack || error) }));
  }
}

async function main() {
  let integration;
  let id;
  await step('a wrong secret', async () => {
    const error = await refused(connect({ ...config, clientSecret: 'wrong' }));
    equal(JSON.parse(error.message).status, 400);
  });
  await step('connect', async () => {
    integration = await connect(config);
    equal((await integration.getAppInfo()).provisioningState, 'completed');
  });
  const { devices, workspaces, xapi } = integration;
  await step('devices', async () => {
    const found = (await devices.getDevices()).filter((device) => device.displayName === process.env.NAME);
    equal(found.map((device) => device.connectionStatus), ['connected']);
    id = found[0].id;
    equal((await devices.getDevice(id)).serial, found[0].serial);
  });
  await step('devices by tag', async () => {
    equal(await devices.getDevices({ tag: 'lobby' }), []);
    const patch = [{ op: 'add', path: 'tags', value: ['lobby'] }];
    await integration.webexApi(`devices/${id}`, 'PATCH', patch, 'application/json-patch+json');
    equal((await devices.getDevices({ tag: 'lobby' })).map((device) => device.id), [id]);
  });
  await step('workspaces', async () => {
    const { workspaceId } = await devices.getDevice(id);
    equal((await workspaces.getWorkspace(workspaceId)).displayName, process.env.NAME);
    equal((await workspaces.getWorkspaces()).some((one) => one.id === workspaceId), true);
  });
  await step('status', async () => {
    equal(await xapi.status.get(id, 'Audio Volume'), 50);
    equal((await xapi.status.get(id, 'Audio Microphones')).Mute, 'Off');
    equal(await xapi.status.get(id, 'Video.Input.Connector[1].Connected'), 'True');
    equal(await xapi.status.get(id, 'No Such', true), false);
    equal((await refused(xapi.status.get(id, 'No Such'))).message.startsWith('xStatus not found.'), true);
  });
  await step('command', async () => {
    equal(await xapi.command(id, 'Audio Volume Set', { Level: 23 }), {});
    equal(await xapi.status.get(id, 'Audio Volume'), 23);
    equal(await xapi.command(id, 'Audio.Volume.SetToDefault'), {});
    equal(await xapi.status.get(id, 'Audio Volume'), 50);
  });
  await step('command with a body', async () => {
    const panel = '<Extensions><Panel><PanelId>p3</PanelId><Name>æøå</Name></Panel></Extensions>';
    equal(await xapi.command(id, 'UserInterface Extensions Panel Save', { PanelId: 'p3' }, panel), {});
    const listed = await xapi.command(id, 'UserInterface Extensions List', { ActivityType: 'Custom' });
    equal(JSON.stringify(listed).includes('p3'), true);
    await xapi.command(id, 'UserInterface Extensions Panel Remove', { PanelId: 'p3' });
  });
  await step('unknown command', async () => {
    const error = JSON.parse((await refused(xapi.command(id, 'No Such'))).message);
    equal([error.status, error.message], [400, "[Command 'No.Such' not supported]"]);
  });
  await step('a missing argument', async () => {
    equal(JSON.parse((await refused(xapi.command(id, 'Audio Volume Set'))).message).status, 400);
  });
  await step('configuration', async () => {
    equal(await xapi.config.get(id, 'Audio DefaultVolume'), 50);
    await xapi.config.set(id, 'Audio DefaultVolume', 64);
    equal(await xapi.config.get(id, 'Audio DefaultVolume'), 64);
    await xapi.config.setMany(id, { 'Audio.DefaultVolume': 50, 'SystemUnit.Name': 'Lobby' });
    equal((await xapi.config.get(id, 'SystemUnit.*')).Name, 'Lobby');
    equal((await refused(xapi.config.get(id, 'No Such'))).message.startsWith('xConfig not found'), true);
  });
  await step('a value outside its space', async () => {
    equal(JSON.parse((await refused(xapi.config.set(id, 'Audio DefaultVolume', 101))).message).status, 400);
  });
}

main().then(() => process.exit(failed ? 1 : 0), (error) => {
  console.log(JSON.stringify({ step: 'connection', ok: false, error: String(error) }));
  process.exit(1);
});
