'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');
const { FORGETS_MS, MEETINGS_MAX, zoomAddress, zoomRedial } = require('./decide');

const FAILED = {
  CallId: '2', CauseOrigin: 'Internal', CauseType: 'SslRejected', CauseString: 'SSL connection rejected', CauseValue: '38', Duration: '0',
  OrigCallDirection: 'Outgoing', Protocol: 'SIP', RemoteURI: 'sip:81234567890.112233@zoomcrc.com',
  RequestedURI: 'sip:81234567890.112233@zoomcrc.com;transport=tls',
};
const RIGHT = '81234567890.112233@zoomcrc.com';

test('a call to Zoom that SSL ended is dialled once', () => {
  const decide = zoomRedial();
  assert.equal(decide(FAILED, 0), RIGHT);
  assert.equal(decide(FAILED, 2000), null);
  assert.equal(decide({ ...FAILED, Protocol: 'Spark', RequestedURI: RIGHT }, 4000), null);
});

const OTHERS = {
  'another host': { RequestedURI: 'sip:81234567890@site.webex.test;transport=tls' },
  'a host that only looks like it': { RequestedURI: 'sip:81234567890@zoomcrc.com.evil.example' },
  'a person at the host': { RequestedURI: 'sip:ana@zoomcrc.com;transport=tls' },
  'no address': { RequestedURI: '', RemoteURI: '' },
  'a busy meeting': { CauseType: 'RemoteBusy', CauseString: 'Busy here' },
  'another cause': { CauseType: 'OtherRemote', CauseString: 'CallError (startOutgoing, unexpected, LocusNotFound, response 404)' },
  'a user who hangs up': { CauseType: 'LocalDisconnect', CauseString: '' },
  'a user who hangs up during the handshake': { CauseType: 'LocalDisconnect', CauseString: 'given up during SSL handshake' },
  'an incoming call': { OrigCallDirection: 'Incoming' },
  'a call that had been connected': { Duration: '61' },
};
for (const [name, fields] of Object.entries(OTHERS)) {
  test(`nothing is done about ${name}`, () => assert.equal(zoomRedial()({ ...FAILED, ...fields }, 0), null));
}

test('the number is rebuilt from meeting and passcode', () => {
  assert.equal(zoomAddress('sips:812 3456-7890..504@ZoomCRC.com;transport=tls').number, '81234567890..504@zoomcrc.com');
  assert.equal(zoomAddress('81234567890...@eu.zmau.us?x=1').number, '81234567890@eu.zmau.us');
});

test('another meeting and a later day are dialled again', () => {
  const decide = zoomRedial();
  decide(FAILED, 0);
  assert.equal(decide({ ...FAILED, RequestedURI: 'sip:5.1@zoomcrc.com' }, 1), '5.1@zoomcrc.com');
  assert.equal(decide(FAILED, FORGETS_MS - 1), null);
  assert.equal(decide(FAILED, FORGETS_MS), RIGHT);
});

test('the meetings that are remembered are bounded', () => {
  const decide = zoomRedial();
  for (let number = 0; number <= MEETINGS_MAX; number += 1) decide({ ...FAILED, RequestedURI: `sip:${number}@zoomcrc.com` }, 0);
  assert.equal(decide({ ...FAILED, RequestedURI: 'sip:0@zoomcrc.com' }, 1), '0@zoomcrc.com');
  assert.equal(decide({ ...FAILED, RequestedURI: `sip:${MEETINGS_MAX}@zoomcrc.com` }, 1), null);
});
