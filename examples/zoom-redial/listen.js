'use strict';
// Listens to a device from outside and dials again what SSL ended on its way to Zoom.
// Environment: URL (wss://host or ssh://host), USERNAME, PASSWORD of a user with the role Admin or User.

const jsxapi = require('jsxapi');
const { zoomRedial } = require('./decide');

const { URL: url, USERNAME: username, PASSWORD: password } = process.env;
if (!url || !username || !password) {
  console.error('set URL, USERNAME and PASSWORD: URL=wss://room.example USERNAME=zoom PASSWORD=... node listen.js');
  process.exit(2);
}

const numberToDial = zoomRedial();
const xapi = jsxapi.connect(url, { username, password });

xapi.on('error', (error) => {
  console.error(`the device cannot be reached: ${error.message || error}`);
  process.exitCode = 1;
});

xapi.on('ready', async () => {
  await xapi.Event.CallDisconnect.on(async (ended) => {
    const number = numberToDial(ended, Date.now());
    if (number === null) return;
    console.log(`call ${ended.CallId} to ${number.split('@')[1]} ended by ${ended.CauseType}: dialling once again`);
    try {
      await xapi.Command.Dial({ Number: number, Protocol: 'Spark' });
    } catch (error) {
      console.error(`it cannot be dialled: ${error.message || error}`);
    }
  }).registration;
  console.log('listening');
});
