'use strict';
// The published client, unmodified, against a simulated device: one JSON line a step, then exit 0 or 1.
// Environment: URL (wss://, ws:// or ssh://host:port), USERNAME, PASSWORD. Source: protocol/xapi.md 3.8, 4.6, 14 item 1.

const jsxapi = require('jsxapi');

const url = process.env.URL;
const isSsh = url.startsWith('ssh:');
const PANEL = '<Extensions>\n<Panel><Name>æøå</Name></Panel>\n</Extensions>';
let failed = 0;

function equal(got, wanted) {
  const a = JSON.stringify(got);
  const b = JSON.stringify(wanted);
  if (a !== b) throw new Error(`got ${a}, wanted ${b}`);
}

function number(got, wanted) {
  equal(Number(got), wanted);
  equal(typeof got, isSsh ? 'string' : 'number');
}

async function refused(promise, wanted) {
  let result;
  try {
    result = await promise;
  } catch (error) {
    equal({ code: error.code, message: error.message }, wanted);
    return;
  }
  throw new Error(`no refusal: ${JSON.stringify(result)}`);
}

/** Collect what a listener is told; `next()` is the first of it that nobody has taken yet. */
function collector() {
  const told = [];
  let wake = () => {};
  const listener = (value) => {
    told.push(value);
    const waiting = wake;
    wake = () => {}; // whoever waited is served once; a look that stayed would take what the next one is to get
    waiting();
  };
  const next = () =>
    new Promise((resolve) => {
      const look = () => (told.length ? resolve(told.shift()) : (wake = look));
      look();
    });
  return { listener, next, told };
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

async function main(xapi) {
  await step('leaf', async () => number(await xapi.Status.Audio.Volume.get(), 50));
  await step('leaf in another case', async () =>
    equal(await xapi.Status.SystemUnit.ProductPlatform.get(), 'Room Bar'));
  await step('subtree', async () => {
    const audio = await xapi.Status.Audio.get();
    number(audio.Volume, 50);
    equal(audio.Microphones.Mute, 'Off');
    const microphone = audio.Input.Connectors.Microphone[0];
    equal(String(microphone.id), '1');
    equal(microphone.Mute, 'Off');
  });
  await step('element of an array', async () =>
    equal(await xapi.Status.Video.Input.Connector[1].Connected.get(), 'True'));
  await step('configuration', async () => number(await xapi.Config.Audio.DefaultVolume.get(), 50));
  await step('set a configuration', async () => {
    const told = collector();
    const off = xapi.Config.Audio.DefaultVolume.on(told.listener);
    await off.registration;
    await xapi.Config.Audio.DefaultVolume.set(60);
    number(await told.next(), 60);
    number(await xapi.Config.Audio.DefaultVolume.get(), 60);
    off();
    await xapi.Config.Audio.DefaultVolume.set(50);
  });
  await step('a value outside its space', async () =>
    refused(xapi.Config.Audio.DefaultVolume.set(101),
      isSsh ? { code: 2, message: 'Illegal value' }
        : { code: -32602, message: 'Bad usage: Missing or invalid parameter(s).' }));
  await step('a path that is none', async () =>
    refused(xapi.status.get('Not A Real Status'),
      isSsh ? { code: 3, message: 'No match on address expression' }
        : { code: -32602, message: 'No match on Path argument' }));
  await step('a command that is none', async () =>
    refused(xapi.command('Not A Real Command'),
      isSsh ? { code: 3, message: 'Unknown command' } : { code: -32601, message: 'Method not found.' }));
  await step('a missing argument', async () =>
    refused(xapi.Command.Audio.Volume.Set(),
      isSsh ? { code: 4, message: 'Invalid or missing parameters' }
        : { code: -32602, message: 'Bad usage: Missing or invalid parameter(s).' }));
  await step('feedback on a status', async () => {
    const told = collector();
    const off = xapi.Status.Audio.Volume.on(told.listener);
    await off.registration;
    const result = await xapi.Command.Audio.Volume.Set({ Level: 33 });
    equal(result.status, 'OK');
    number(await told.next(), 33);
    off();
    await xapi.Command.Audio.Volume.Set({ Level: 50 });
    equal(told.told.length, 0);
  });
  await step('feedback in the order of what happened', async () => {
    const told = collector();
    const off = xapi.Status.Audio.on(told.listener);
    await off.registration;
    await xapi.Command.Audio.Volume.Mute();
    await xapi.Command.Audio.Volume.Unmute();
    equal((await told.next()).VolumeMute, 'On');
    equal((await told.next()).VolumeMute, 'Off');
    off();
  });
  await step('an event and the ghost of a list', async () => {
    const cleared = collector();
    const clicked = collector();
    const offClicked = xapi.Event.UserInterface.Extensions.Panel.Clicked.on(clicked.listener);
    const offWidget = xapi.Status.UserInterface.Extensions.Widget.on(cleared.listener);
    await offClicked.registration;
    await offWidget.registration;
    const panel = '<Extensions><Panel><PanelId>p2</PanelId><Type>Home</Type><Name>P</Name><Page><Name>A</Name><Row>' +
      '<Name>r</Name><Widget><WidgetId>w1</WidgetId><Type>Button</Type></Widget></Row></Page></Panel></Extensions>';
    await xapi.Command.UserInterface.Extensions.Panel.Save({ PanelId: 'p2' }, panel);
    equal((await cleared.next()).WidgetId, 'w1');
    await xapi.Command.UserInterface.Extensions.Panel.Clicked({ PanelId: 'p2' });
    equal((await clicked.next()).PanelId, 'p2');
    await xapi.Command.UserInterface.Extensions.Panel.Remove({ PanelId: 'p2' });
    equal((await cleared.next()).ghost, 'True');
    offClicked();
    offWidget();
  });
  await step('a multi-line body', async () => {
    const result = await xapi.Command.UserInterface.Extensions.Panel.Save({ PanelId: 'p1' }, PANEL);
    equal(result.status, 'OK');
    await xapi.Command.UserInterface.Extensions.Panel.Remove({ PanelId: 'p1' });
  });
  await step('text with quotes', async () => {
    const result = await xapi.Command.UserInterface.Message.Alert.Display({ Text: 'a "b"', Duration: 3 });
    equal(result.status, 'OK');
  });
  await step('a repeated argument', async () => {
    await xapi.Command.HttpFeedback.Register({
      FeedbackSlot: 4, ServerUrl: 'http://127.0.0.1:9/', Expression: ['/Event/CallDisconnect', '/Status/Call'],
    });
    const slots = await xapi.Status.HttpFeedback.get();
    equal(slots[0].Expression.length, 2);
    await xapi.Command.HttpFeedback.Deregister({ FeedbackSlot: 4 });
  });
  await step('the schema of a node', async () => {
    const schema = await xapi.doc('Status Audio Volume');
    equal(schema.ValueSpace.type, 'Integer');
  });
  await step('the schema of all commands', async () => {
    const schema = await xapi.doc('Command');
    equal(schema.Audio.Volume.Set.command, 'True');
  });
}

const connection = jsxapi.connect(url, { username: process.env.USERNAME, password: process.env.PASSWORD });
connection.on('error', (error) => {
  console.log(JSON.stringify({ step: 'connection', ok: false, error: String(error) }));
  process.exit(1);
});
connection.on('ready', async (xapi) => {
  await main(xapi);
  xapi.close();
  connection.on('close', () => process.exit(failed ? 1 : 0));
  setTimeout(() => process.exit(failed ? 1 : 0), 2000).unref();
});
