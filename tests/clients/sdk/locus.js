// Drives the unmodified locus plugin against the stub cloud: two people call each other. client.js says how it is started and what it prints.
// Source of the steps: protocol/cloud-services.md 9.6, 14.4, 18.10.

'use strict';

const {randomUUID} = require('crypto');
const {check, complaints, control, next, refused, run, step} = require('./client');
const {Person, SDP} = require('./person');

async function main() {
  const ada = await Person.make('ada');
  const bob = await Person.make('bob');
  const own = (person, dto) => dto.self.devices.find((one) => one.url === person.webex.internal.device.url);

  await step('create', async () => {
    const told = next(ada.webex.internal.mercury, 'event:locus.participant_joined');
    const dto = await ada.call(bob.email);
    check(dto.self.state === 'JOINED' && dto.sequence.entries.length > 0, JSON.stringify(dto));
    check(own(ada, dto) && dto.self.devices[0].mediaConnections[0].remoteSdp, JSON.stringify(dto.self.devices));
    check(dto.fullState.type === 'CALL' && dto.fullState.active, JSON.stringify(dto.fullState));
    const {data} = await told;
    check(data.locus.url === dto.url && data.locus.participants.length === 2, JSON.stringify(data.locus));
  });
  await step('alert', async () => {
    await bob.until((dto) => dto.self.state === 'IDLE', 'the call');
    check(bob.copy.alertType ? bob.copy.alertType.action === 'FULL' : bob.copy.self.alertType.action === 'FULL', 'it does not alert');
    await bob.locus.alert(bob.copy);
    await ada.until((dto) => ada.other(dto).state === 'NOTIFIED', 'that it rings');
  });
  await step('join', async () => {
    const dto = await bob.locus.join({...bob.copy, correlationId: randomUUID()}, {localSdp: SDP});
    check(dto.self.state === 'JOINED' && own(bob, dto), JSON.stringify(dto.self));
    bob.take(dto);
    await ada.until((seen) => ada.other(seen).state === 'JOINED', 'that bob has joined');
  });
  await step('get and compare', async () => {
    const full = await ada.locus.get(ada.copy);
    check(ada.locus.compare(ada.copy, full) === 'USE_CURRENT', 'the copy is not what the cloud has');
    const seen = (dto) => dto.participants.map((one) => [one.id, one.state]).sort().join();
    check(seen(full) === seen(ada.copy), `${seen(full)} against ${seen(ada.copy)}`);
  });
  await step('list', async () => {
    const loci = await ada.locus.list();
    check(loci.length === 1 && loci[0].url === ada.copy.url, JSON.stringify(loci));
  });
  await step('nothing new', async () => {
    const news = await ada.locus.sync(await ada.locus.get(ada.copy));
    check(!news.sequence, JSON.stringify(news));
  });
  await step('mute', async () => {
    const {mediaConnections} = own(ada, ada.copy);
    const mediaId = mediaConnections && mediaConnections[0].mediaId;
    ada.take(await ada.locus.updateMedia(ada.copy, {sdp: SDP, audioMuted: true, videoMuted: false, mediaId}));
    await bob.until((dto) => bob.other(dto).controls.audio.muted, 'that ada is muted');
    ada.take(await ada.locus.updateMedia(ada.copy, {audioMuted: false, videoMuted: false, mediaId}));
    await bob.until((dto) => !bob.other(dto).controls.audio.muted, 'that ada is not muted any more');
  });
  await step('share', async () => {
    const content = (dto) => dto.mediaShares.find((one) => one.name === 'content');
    await ada.locus.requestFloorGrant(ada.copy, content(ada.copy));
    await bob.until((dto) => (content(dto).floor || {}).disposition === 'GRANTED', 'the share');
    check(content(bob.copy).floor.beneficiary.id === ada.copy.self.id, JSON.stringify(content(bob.copy)));
    await ada.locus.releaseFloorGrant(ada.copy, content(ada.copy));
    await bob.until((dto) => (content(dto).floor || {}).disposition === 'RELEASED', 'the end of the share');
  });
  await step('tones', async () => {
    await ada.locus.sendDtmf(ada.copy, '12#');
  });
  await step('leave', async () => {
    const before = ada.copy;
    const dto = await ada.locus.leave(ada.copy);
    check(dto.self.state === 'LEFT' && dto.fullState.state === 'INACTIVE' && !dto.fullState.active, JSON.stringify(dto.fullState));
    check(ada.locus.compare(before, dto) === 'USE_INCOMING', 'the sequence does not advance');
    await bob.until((seen) => seen.fullState.state === 'INACTIVE', 'the end');
    check((await ada.locus.list()).length === 0, 'the call is still listed');
  });
  await step('decline', async () => {
    const {url} = await ada.call(bob.email);
    await bob.until((dto) => dto.url === url, 'the second call');
    await bob.locus.decline(bob.copy);
    await ada.until((dto) => ada.other(dto).state === 'DECLINED', 'that bob does not want to');
    await ada.until((dto) => dto.fullState.state === 'INACTIVE', 'the end');
  });
  await step('leave twice', async () => {
    const {url} = await ada.call(bob.email);
    await bob.until((dto) => dto.url === url, 'the third call');
    const gone = await ada.locus.leave(ada.copy);
    const again = await ada.locus.leave(ada.copy); // a conflict is answered by the plugin with a fetch
    check((again || gone).self.state === 'LEFT', JSON.stringify(again));
  });
  await step('refusals', async () => {
    const unknown = await refused(ada.locus.create('123456789', {correlationId: randomUUID(), localSdp: SDP}), 'an unknown meeting');
    check(unknown.statusCode === 404 && unknown.body.code === 404006, JSON.stringify(unknown.body));
    const other = await refused(ada.locus.get({url: `${ada.copy.url.slice(0, -12)}000000000000`}), 'an unknown call');
    check(other.statusCode === 404, `${other.statusCode}`);
  });
  await step('copies followed by events', async () => {
    check(ada.asked + bob.asked === 0, `fetched ${ada.asked} and ${bob.asked} times`);
    return [...new Set([...ada.heard, ...bob.heard])].join(' ');
  });
  await step('journal', async () => {
    const {items} = await control('GET', '/journal?unmatched=true');
    check(items.length === 0, JSON.stringify(items));
  });
  await step('unhandled rejections', async () => check(complaints.length === 0, JSON.stringify(complaints)));
}

run(main);
