// What the programs in this folder share: the client packages made ready, steps that are printed as JSON lines {step, ok, ms, detail}, and the
// control API of the stub cloud.
// Environment: BASE (http(s)://127.0.0.1:PORT), CONTROL (base of the control API), ADMIN_TOKEN; over https NODE_EXTRA_CA_CERTS.

'use strict';

const {BASE, CONTROL, ADMIN_TOKEN} = process.env;
const STEP_MS_MAX = 20000;

const complaints = [];
process.on('unhandledRejection', (reason) => complaints.push(String(reason && reason.stack ? reason.stack : reason)));

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function control(method, path, body) {
  const answer = await fetch(CONTROL + path, {
    method,
    headers: {authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json'},
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return text ? JSON.parse(text) : undefined;
}

// The next event of a name, the first one that `wanted` says yes to.
function next(emitter, name, ms = 5000, wanted = () => true) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      emitter.off(name, heard);
      reject(new Error(`no ${name} within ${ms} ms`));
    }, ms);
    function heard(value) {
      if (!wanted(value)) return;
      clearTimeout(timer);
      emitter.off(name, heard);
      resolve(value);
    }
    emitter.on(name, heard);
  });
}

function check(condition, text) {
  if (!condition) throw new Error(text);
}

async function refused(promise, what) {
  let error;
  try {
    await promise;
  } catch (caught) {
    error = caught;
  }
  check(error, `${what} was not refused`);
  return error;
}

let failed = 0;

async function step(name, act) {
  const start = Date.now();
  let ok = true;
  let detail = '';
  try {
    const limit = sleep(STEP_MS_MAX).then(() => {
      throw new Error(`not done within ${STEP_MS_MAX} ms`);
    });
    detail = (await Promise.race([act(), limit])) || '';
  } catch (error) {
    ok = false;
    failed += 1;
    detail = error && error.stack ? error.stack.split('\n').slice(0, 4).join(' | ') : String(error);
  }
  console.log(JSON.stringify({step: name, ok, ms: Date.now() - start, detail}));
}

// A client of a user with tokens of the control API; the packages wanted are loaded by the caller before.
function clientOf(token, config = {}) {
  const {default: WebexCore} = require('@webex/webex-core');
  return new WebexCore({
    credentials: {client_id: 'roomsim-sdk', client_secret: 'any', redirect_uri: BASE, supertoken: token},
    config: {
      logger: {level: 'silent'},
      credentials: {client_id: 'roomsim-sdk', client_secret: 'any', redirect_uri: BASE},
      services: {
        discovery: {u2c: `${BASE}/u2c/api/v1`, hydra: `${BASE}/v1`, sqdiscovery: `${BASE}/v1/region`},
        validateDomains: true,
        allowedDomains: [new URL(BASE).host],
      },
      ...config,
    },
  });
}

// Run a program to its end: exit code 0 if every step passed.
function run(main) {
  main().then(
    () => process.exit(failed ? 1 : 0),
    (error) => {
      console.log(JSON.stringify({step: 'script', ok: false, detail: String(error && error.stack)}));
      process.exit(1);
    }
  );
}

module.exports = {BASE, check, clientOf, complaints, control, next, refused, run, sleep, step};
