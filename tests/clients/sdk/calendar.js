// Drives the unmodified encryption and calendar plugins against the stub cloud; client.js says how it is started and what it prints.
// Source of the steps: protocol/cloud-services.md 14.4.

'use strict';

const {check, clientOf, complaints, control, next, refused, run, step} = require('./client');

const TITLE = 'Wöchentliche Runde ☕';

require('@webex/plugin-logger');
require('@webex/internal-plugin-device');
require('@webex/internal-plugin-mercury');
require('@webex/internal-plugin-encryption');
require('@webex/internal-plugin-calendar');

const at = (minutes) => new Date(Date.now() + minutes * 60000).toISOString();

async function main() {
  const name = `sdk-${process.pid}`;
  const user = await control('POST', '/users', {name, email: `${name}@room.example`});
  const token = await control('POST', '/tokens', {userId: user.id});
  const webex = clientOf(token, {encryption: {kmsInitialTimeout: 1000, kmsMaxTimeout: 8000, ecdhMaxTimeout: 8000}});
  const {services, device, encryption, calendar} = webex.internal;
  const {kms} = encryption;
  const made = (fields) =>
    control('POST', '/meetings', {
      title: TITLE, start: at(10), durationMinutes: 30, userIds: [user.id], notes: 'Bring the cups.', location: 'Lab 4', password: 'hunter2',
      join: {webexURI: 'sip:1@meet.example', meetingJoinURI: 'sip:2@meet.example', meetingJoinURL: 'https://meet.example/2'}, ...fields,
    });

  await services.waitForCatalog('postauth', 15);
  await step('register', async () => {
    await calendar.register();
    check(device.url && webex.internal.mercury.connected, 'not connected');
  });
  await step('kms', async () => {
    const keys = await kms.createUnboundKeys({count: 2});
    check(keys.length === 2, `${keys.length} keys`);
    const again = await kms.fetchKey({uri: keys[0].uri});
    check(again.jwk.toJSON(true).k === keys[0].jwk.toJSON(true).k, 'another key');
    await kms.ping();
  });
  await step('resources', async () => {
    const [key, other] = await kms.createUnboundKeys({count: 2});
    const friend = await control('POST', '/users', {name: 'friend'});
    const kro = await kms.createResource({userIds: [], key});
    check(kro.uri && kro.keyUris[0] === key.uri, JSON.stringify(kro));
    const bound = await kms.bindKey({kro, key: other});
    check(bound.resourceUri === kro.uri, JSON.stringify(bound.resourceUri));
    const [added] = await kms.addAuthorization({userIds: [friend.id], kro});
    check(added.authId === friend.id, JSON.stringify(added));
    const listed = await kms.listAuthorizations({kro});
    check(listed.some((one) => one.authId === friend.id), JSON.stringify(listed));
    await kms.removeAuthorization({authId: friend.id, kro});
    check((await kms.listAuthorizations({kro})).length === listed.length - 1, 'still there');
  });
  await step('refusals', async () => {
    const unknown = kms.fetchKey({uri: `kms://kms.wbx2.test/keys/${user.id}`});
    check((await refused(unknown, 'an unknown key')).status === 404, 'not 404');
    const byok = await refused(kms.fetchPublicKey({assignedOrgId: user.id}), 'the public key');
    check(byok.status === 501, `${byok.status}`);
  });
  await step('text', async () => {
    const [key] = await kms.createUnboundKeys({count: 1});
    const sealed = await encryption.encryptText(key, TITLE);
    check((await encryption.decryptText(key, sealed)) === TITLE, 'another text');
  });
  await step('list', async () => {
    await made({id: `list-${process.pid}`});
    const [meeting] = await calendar.list({fromDate: at(-60), toDate: at(60)});
    check(meeting.encryptedSubject === TITLE, meeting.encryptedSubject);
    check(meeting.encryptedNotes === 'Bring the cups.' && meeting.encryptedLocation === 'Lab 4', 'notes or location');
    check(meeting.webexURI === 'sip:1@meet.example', meeting.webexURI);
    check(meeting.meetingJoinInfo.meetingJoinURI === 'sip:2@meet.example', JSON.stringify(meeting.meetingJoinInfo));
    check(meeting.encryptedParticipants[0].encryptedEmailAddress === `${name}@room.example`, JSON.stringify(meeting.encryptedParticipants));
    check(meeting.encryptedOrganizer.encryptedName.length > 0, 'organizer');
    check(!JSON.stringify(meeting).includes('hunter2'), 'the password is in clear');
    return meeting.encryptedSubject;
  });
  await step('list compact', async () => {
    const [meeting] = await calendar.list({fromDate: at(-60), toDate: at(60), compact: true});
    check(meeting.encryptedSubject === TITLE, meeting.encryptedSubject);
    check(meeting.encryptedParticipants[0].encryptedName === name, 'participants were not fetched, or not read');
  });
  await step('notes and participants', async () => {
    const id = `list-${process.pid}`;
    check((await calendar.getNotes(id)).body.encryptedNotes === 'Bring the cups.', 'notes');
    const url = `${services.get('calendar')}/calendarEvents/${Buffer.from(id).toString('base64url')}`;
    check((await calendar.getNotesByUrl(`${url}/notes`)).body.encryptedNotes === 'Bring the cups.', 'notes by url');
    const people = (await calendar.getParticipants(`${url}/participants`)).body.encryptedParticipants;
    check(people[0].encryptedName === name, JSON.stringify(people));
  });
  await step('event create', async () => {
    const heard = next(calendar, 'calendar:create');
    await made({id: `event-${process.pid}`, title: 'Pushed'});
    const meeting = await heard;
    check(meeting.encryptedSubject === 'Pushed' && meeting.spaceURI === undefined, meeting.encryptedSubject);
    check(meeting.webexURI === 'sip:1@meet.example', meeting.webexURI);
  });
  await step('event update', async () => {
    const heard = next(calendar, 'calendar:update');
    await control('PATCH', `/meetings/event-${process.pid}`, {title: 'Pushed again'});
    check((await heard).encryptedSubject === 'Pushed again', 'another subject');
  });
  await step('event minimal', async () => {
    const heard = next(calendar, 'calendar:update');
    await control('PATCH', `/meetings/event-${process.pid}`, {title: 'Short', push: 'minimal'});
    check((await heard).id === `event-${process.pid}`, 'another meeting');
  });
  await step('event delete', async () => {
    const heard = next(calendar, 'calendar:delete');
    await control('DELETE', `/meetings/event-${process.pid}`);
    await heard;
  });
  let id;
  await step('create', async () => {
    const heard = next(calendar, 'calendar:create');
    const attendees = [{displayName: name, email: `${name}@room.example`}];
    const {body} = await calendar.createCalendarEvent({
      subject: 'Made here', notes: 'By the client', webexOptions: JSON.stringify({}), attendees, start: at(20), end: at(50),
    });
    id = body.meetingId;
    check(id && body.globalMeetingId, JSON.stringify(body));
    const meeting = await heard;
    check(meeting.id === id && meeting.encryptedSubject === 'Made here' && meeting.durationMinutes === 30, JSON.stringify(meeting));
    check((await calendar.getNotes(id)).body.encryptedNotes === 'By the client', 'notes');
  });
  await step('update', async () => {
    const heard = next(calendar, 'calendar:update');
    await calendar.updateCalendarEvent(id, {subject: 'Moved', start: at(30), durationMinutes: 45});
    const meeting = await heard;
    check(meeting.encryptedSubject === 'Moved' && meeting.durationMinutes === 45, JSON.stringify(meeting));
  });
  await step('scheduler data', async () => {
    const {body} = await calendar.getSchedulerData({siteName: 'site.example', id});
    check(body.encryptedSubject === 'Moved', body.encryptedSubject);
    check(Object.values(body.encryptedScheduleFor)[0].encryptedDisplayName === name, JSON.stringify(body.encryptedScheduleFor));
    check((await calendar.getSchedulerData({siteName: 'site.example'})).body.schedulerPreferences.siteName === 'site.example', 'no site');
  });
  await step('free/busy', async () => {
    const window = {start: at(0), end: at(120)};
    const mail = `${name}@room.example`;
    const found = await calendar.getFreeBusy({requestId: 'by-mail', ...window, emails: [mail]});
    check(found.calendarFreeBusyItems[0].email === mail, JSON.stringify(found));
    check(found.calendarFreeBusyItems[0].busy.length === 2, JSON.stringify(found));
    const byId = await calendar.getFreeBusy({requestId: 'by-id', ...window, userIds: [user.id]});
    check(byId.calendarFreeBusyItems[0].busy.length === 2, JSON.stringify(byId));
    const wrong = webex.request({
      method: 'POST', service: 'calendar', resource: 'freebusy', body: {requestId: 'no', ...window, emails: [mail]},
    });
    check((await refused(wrong, 'emails without a key')).statusCode === 400, 'not 400');
  });
  await step('delete', async () => {
    const heard = next(calendar, 'calendar:delete');
    await calendar.deleteCalendarEvent(id);
    await heard;
    check((await refused(calendar.getNotes(id), 'a meeting that is gone')).statusCode === 404, 'not 404');
  });
  await step('lost answer', async () => {
    await control('POST', '/faults', {id: `lost-${process.pid}`, on: 'kms', do: 'lost_answer'});
    const [key] = await kms.createUnboundKeys({count: 1});
    check(key.uri, 'no key');
  });
  await step('journal', async () => {
    const {items} = await control('GET', '/journal?unmatched=true');
    check(items.length === 0, JSON.stringify(items));
  });
  await step('unregister', async () => {
    await calendar.unregister();
    check(!device.registered, 'still registered');
  });
  const own = complaints.filter((text) => !text.startsWith('Kms')); // refusals that were asked for are rejected in its batcher, too
  await step('unhandled rejections', async () => {
    check(own.length === 0, JSON.stringify(own));
    return `${complaints.length} of the key service`;
  });
}

run(main);
