// Drives the unmodified client packages against the stub cloud; client.js says how it is started and what it prints.
// Environment, besides: CATALOG=v2 for the newer class of catalogues.
// The order of steps is that of protocol/cloud-services.md 14.4.

'use strict';

process.env.MERCURY_PING_INTERVAL = process.env.MERCURY_PING_INTERVAL || '1000'; // read when the module is loaded
process.env.MERCURY_PONG_TIMEOUT = process.env.MERCURY_PONG_TIMEOUT || '900';
process.env.MERCURY_BACKOFF_TIME_RESET = process.env.MERCURY_BACKOFF_TIME_RESET || '200';

const {BASE, check, clientOf, complaints, control, next, run, sleep, step} = require('./client');

require('@webex/plugin-logger');
require('@webex/internal-plugin-device');
require('@webex/internal-plugin-mercury');
const core = require('@webex/webex-core');

if (process.env.CATALOG === 'v2') {
  core.registerInternalPlugin('services', core.ServicesV2, {
    interceptors: {
      ServiceInterceptor: core.ServiceInterceptor.create,
      ServerErrorInterceptor: core.ServerErrorInterceptor.create,
    },
    replace: true,
  });
}

async function main() {
  const user = await control('POST', '/users', {name: `SDK ${process.pid}`});
  const token = await control('POST', '/tokens', {userId: user.id});
  const webex = clientOf(token);
  const {services, device, mercury} = webex.internal;
  const offline = [];
  mercury.on('offline.transient', () => offline.push('transient'));
  mercury.on('offline.permanent', () => offline.push('permanent'));
  mercury.on('offline.replaced', () => offline.push('replaced'));

  await step('catalog', async () => {
    await services.waitForCatalog('postauth', 15);
    check(services.get('wdm'), 'wdm is not in the catalogue');
    return services.get('wdm');
  });
  await step('register', async () => {
    await device.register();
    check(device.url && device.userId === user.id, 'no url, or another user');
    check(device.webSocketUrl.startsWith(BASE.replace('http', 'ws')), device.webSocketUrl);
    check(device.features.entitlement.get('sparkKms').value === true, 'the entitlement does not read true');
    return device.url;
  });
  await step('mercury', async () => {
    await mercury.connect();
    check(mercury.connected, 'not connected');
  });
  await step('ping', async () => {
    let pongs = 0;
    mercury.on('ping-pong-latency', () => {
      pongs += 1;
    });
    await sleep(3 * Number(process.env.MERCURY_PING_INTERVAL) + 500);
    check(pongs >= 2 && mercury.connected, `${pongs} pongs, connected ${mercury.connected}`);
    return `${pongs} pongs`;
  });
  await step('refresh', async () => {
    const {url} = device;
    await device.refresh();
    check(device.url === url, 'the refresh gave another url');
    check(device.features.developer.get('Android-one-on-one-space-obtp').value === true, 'developer toggles are gone');
  });
  await step('feature', async () => {
    const heard = next(mercury, 'event:featureToggle_update');
    await control('POST', '/features', {key: 'roomsim', value: true, kind: 'developer', userId: user.id});
    await heard;
    await sleep(50);
    check(device.features.developer.get('roomsim').value === true, 'the toggle does not read true');
  });
  for (const [code, reason] of [[1001, 'going away'], [1011, 'internal'], [1000, 'idle']]) {
    await step(`reconnect ${code} ${reason}`, async () => {
      offline.length = 0;
      const back = next(mercury, 'online', 1500);
      await control('POST', '/mercury/close', {code, reason, userId: user.id});
      await back;
      check(offline.includes('transient'), `offline: ${offline}`);
    });
  }
  for (const [code, reason, kind] of [[1000, 'bye', 'permanent'], [4000, 'replaced', 'replaced']]) {
    await step(`stay offline ${code} ${reason}`, async () => {
      offline.length = 0;
      await control('POST', '/mercury/close', {code, reason, userId: user.id});
      await sleep(1500);
      check(!mercury.connected && offline.includes(kind), `connected ${mercury.connected}, offline: ${offline}`);
      await mercury.connect();
    });
  }
  await step('not authorized once', async () => {
    await mercury.disconnect();
    await control('POST', '/faults', {id: 'once', on: 'mercury', do: 'auth_refused', params: {code: 4401}});
    await mercury.connect();
    check(mercury.connected, 'not connected');
  });
  await step('token', async () => {
    const before = webex.credentials.supertoken.access_token;
    await control('POST', '/tokens/expire', {token: 'access', userId: user.id});
    await device.refresh();
    check(webex.credentials.supertoken.access_token !== before, 'the token was not renewed');
  });
  await step('not found', async () => {
    const {url} = device;
    await control('POST', '/faults', {id: 'gone', on: 'wdm', do: 'not_found'});
    await device.refresh();
    check(device.url && device.url !== url, 'no new registration');
    await mercury.disconnect();
    await mercury.connect();
  });
  await step('excess', async () => {
    await mercury.disconnect();
    await device.unregister();
    await control('POST', '/faults', {id: 'excess', on: 'wdm', do: 'excessive', count: 1});
    await device.register();
    check(device.url, 'not registered');
    await mercury.connect();
  });
  await step('rotate', async () => {
    const asked = async () => (await control('GET', '/journal?service=u2c')).items.length;
    const before = await asked();
    const heard = next(mercury, 'event:u2c.cache-invalidation');
    const {host} = await control('POST', '/catalog/rotate', {service: 'lyra'});
    await heard;
    await sleep(300);
    const again = (await asked()) - before;
    check((again > 0) === (process.env.CATALOG === 'v2'), `${again} new requests for catalogues`); // the older class ignores the event
    return host;
  });
  await step('shutdown', async () => {
    const over = next(mercury, 'event:mercury_shutdown_switchover_complete');
    await control('POST', '/mercury/shutdown', {userId: user.id});
    await over;
    await sleep(400);
    const heard = next(mercury, 'event:roomsim.hello');
    await control('POST', '/mercury/push', {data: {eventType: 'roomsim.hello'}, userId: user.id});
    await heard;
    const {items} = await control('GET', '/mercury/sockets');
    const mine = items.filter((socket) => socket.userId === user.id);
    check(mine.length === 1, `${mine.length} sockets after the switch-over`);
  });
  await step('unregister', async () => {
    await control('POST', '/mercury/close', {code: 4001, reason: '', userId: user.id}); // the client lost track of its second socket (5.8)
    await mercury.disconnect();
    await device.unregister();
    check(!device.registered, 'still registered');
  });
  await step('journal', async () => {
    const {items} = await control('GET', '/journal?unmatched=true');
    check(items.length === 0, JSON.stringify(items));
  });
  if (complaints.length) console.log(JSON.stringify({step: 'unhandled rejections', ok: true, detail: complaints}));
}

run(main);
