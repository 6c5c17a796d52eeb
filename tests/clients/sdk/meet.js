// A person with the unmodified locus plugin and a simulated device call each other and see each other's state; the device is driven over the
// public REST API. client.js says how it is started and what it prints. Environment, besides: API (base of the public REST API).

'use strict';

const {randomUUID} = require('crypto');
const {check, complaints, control, run, sleep, step} = require('./client');
const {Person, SDP} = require('./person');

const {API, ADMIN_TOKEN} = process.env;

async function rest(method, path, body) {
  const answer = await fetch(API + path, {
    method,
    headers: {authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json'},
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return JSON.parse(text);
}

async function main() {
  const [room] = (await rest('GET', '/devices')).items;
  const command = async (name, args = {}) =>
    (await rest('POST', `/xapi/command/${name}`, {deviceId: room.id, arguments: args})).result;
  const status = async (name) => (await rest('GET', `/xapi/status?deviceId=${room.id}&name=${name}`)).result;
  const calls = async () => (await status('Call[*].*')).Call || [];
  const until = async (look, what) => {
    let seen;
    for (let tries = 0; tries < 100; tries += 1) {
      seen = await look();
      if (seen) return seen;
      await sleep(50);
    }
    throw new Error(`${what}: ${JSON.stringify(await calls())}`);
  };
  const ada = await Person.make('ada');
  const roster = async (id) => (await command('Conference.ParticipantList.Search', {CallId: id})).Participant || [];
  const named = (list, name) => list.find((one) => one.DisplayName === name);

  await step('the device rings', async () => {
    await ada.call(room.primarySipUrl);
    const [call] = await until(async () => (await calls()).filter((one) => one.Status === 'Ringing').length && calls(), 'it does not ring');
    check(call.Direction === 'Incoming' && call.DisplayName === ada.name && call.Protocol === 'Spark', JSON.stringify(call));
    await ada.until((dto) => ada.other(dto).state === 'NOTIFIED', 'that it rings');
  });
  await step('the device answers', async () => {
    await command('Call.Accept');
    await ada.until((dto) => ada.other(dto).state === 'JOINED', 'that the device has joined');
    check(ada.other(ada.copy).type === 'RESOURCE_ROOM', JSON.stringify(ada.other(ada.copy)));
    const [call] = await until(async () => (await calls()).filter((one) => one.Status === 'Connected').length && calls(), 'not connected');
    check(named(await roster(call.id), ada.name), JSON.stringify(await roster(call.id)));
    check((await status('SystemUnit.State.NumberOfActiveCalls')).SystemUnit.State.NumberOfActiveCalls === 1, 'no active call');
  });
  await step('each sees the other muted', async () => {
    const [{id}] = await calls();
    ada.take(await ada.locus.updateMedia(ada.copy, {sdp: SDP, audioMuted: true, videoMuted: false}));
    await until(async () => named(await roster(id), ada.name).AudioMute === 'On', 'the device does not see that ada is muted');
    await command('Audio.Microphones.Mute');
    await ada.until((dto) => ada.other(dto).controls.audio.muted, 'that the device is muted');
    await command('Audio.Microphones.Unmute');
    await ada.until((dto) => !ada.other(dto).controls.audio.muted, 'that the device is not muted any more');
  });
  await step('the person shares', async () => {
    const content = ada.copy.mediaShares.find((one) => one.name === 'content');
    await ada.locus.requestFloorGrant(ada.copy, content);
    await until(async () => (await status('Conference.Presentation.Mode')).Conference.Presentation.Mode === 'Receiving', 'no share');
    await ada.locus.releaseFloorGrant(ada.copy, content);
    await until(async () => (await status('Conference.Presentation.Mode')).Conference.Presentation.Mode === 'Off', 'still a share');
  });
  await step('the person leaves', async () => {
    ada.take(await ada.locus.leave(ada.copy));
    await until(async () => (await calls()).length === 0, 'the device is still in the call');
    const {Entry} = await command('CallHistory.Get');
    check(Entry[0].OccurrenceType === 'Received' && Entry[0].DisconnectCauseType === 'RemoteDisconnect', JSON.stringify(Entry[0]));
  });
  await step('the device calls', async () => {
    const {CallId} = await command('Dial', {Number: ada.email});
    await ada.until((dto) => dto.self.state === 'IDLE', 'the call');
    await ada.locus.alert(ada.copy);
    ada.take(await ada.locus.join({...ada.copy, correlationId: randomUUID()}, {localSdp: SDP}));
    const [call] = await until(async () => (await calls()).filter((one) => one.Status === 'Connected').length && calls(), 'not connected');
    check(call.id === CallId && call.Direction === 'Outgoing', JSON.stringify(call));
  });
  await step('the device hangs up', async () => {
    await command('Call.Disconnect');
    await ada.until((dto) => dto.fullState.state === 'INACTIVE', 'the end');
    await until(async () => (await calls()).length === 0, 'the call is still there');
  });
  await step('they meet', async () => {
    const meeting = await control('POST', '/meetings', {
      id: `meet-${process.pid}`, title: 'Round', start: new Date(Date.now() + 60000).toISOString(), durationMinutes: 30,
      join: {meetingJoinURI: '24680246802@example.webex.test'},
    });
    check(meeting.id, JSON.stringify(meeting));
    await command('Dial', {Number: '24680246802@example.webex.test'});
    await ada.call('24680246802@example.webex.test');
    check(ada.copy.fullState.type === 'MEETING', JSON.stringify(ada.copy.fullState));
    await ada.until((dto) => dto.participants.filter((one) => one.state === 'JOINED').length === 2, 'the device');
    const [call] = await until(async () => (await calls()).filter((one) => one.Status === 'Connected').length && calls(), 'not connected');
    await until(async () => named(await roster(call.id), ada.name), 'the device does not see ada');
    ada.take(await ada.locus.leave(ada.copy));
    await until(async () => !named(await roster(call.id), ada.name), 'the device still sees ada');
    check((await calls())[0].Status === 'Connected', 'the meeting does not go on');
    await command('Call.Disconnect');
    await until(async () => (await calls()).length === 0, 'the device is still in the meeting');
  });
  await step('unhandled rejections', async () => check(complaints.length === 0, JSON.stringify(complaints)));
}

run(main);
