'use strict';
// What is done about a call that has ended: nothing here knows a network, a clock or a device.

const HOSTS = ['zoomcrc.com', 'zmau.us']; // and hosts below them
const FORGETS_MS = 6 * 3600 * 1000; // a series has one number for all its days
const MEETINGS_MAX = 100;
const ADDRESS = /^(?:[a-z0-9+.-]+:)?([0-9][0-9 -]*)((?:\.[^.@;?]*){0,5})@([a-z0-9.-]+)/i;
const OURS = ['LocalDisconnect', 'LocalReject', 'LocalBusy']; // somebody at the device ended the call

/** What dials the Zoom meeting of an address, and which meeting that is; null for an address elsewhere. */
function zoomAddress(uri) {
  const match = ADDRESS.exec(String(uri || '').trim());
  if (!match) return null;
  const meeting = match[1].replace(/[ -]/g, '');
  const host = match[3].toLowerCase();
  if (!HOSTS.some((one) => host === one || host.endsWith(`.${one}`))) return null;
  return { meeting: `${meeting}@${host}`, number: `${meeting}${match[2].replace(/\.+$/, '')}@${host}` };
}

/** Whether the room made a call that never came about because of SSL. */
function failedBySsl(ended) {
  return /ssl|tls/i.test(`${ended.CauseType || ''} ${ended.CauseString || ''}`)
    && !OURS.includes(ended.CauseType)
    && String(ended.OrigCallDirection || '').toLowerCase() !== 'incoming'
    && Number(ended.Duration || 0) === 0;
}

/** Remember which meetings were dialled again, each once; the result takes the fields of CallDisconnect and a time in milliseconds. */
function zoomRedial() {
  const dialled = new Map();
  return function numberToDial(ended, now) {
    const found = zoomAddress(ended.RequestedURI || ended.RemoteURI);
    if (!found || !failedBySsl(ended)) return null;
    const last = dialled.get(found.meeting);
    if (last !== undefined && now - last < FORGETS_MS) return null;
    dialled.delete(found.meeting);
    dialled.set(found.meeting, now);
    if (dialled.size > MEETINGS_MAX) dialled.delete(dialled.keys().next().value);
    return found.number;
  };
}

module.exports = { FORGETS_MS, MEETINGS_MAX, zoomAddress, zoomRedial };
