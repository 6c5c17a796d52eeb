// A person with a client of the unmodified locus plugin, and the working copy of a call as an application keeps it.

'use strict';

const {randomUUID} = require('crypto');
const {clientOf, control, sleep} = require('./client');

require('@webex/plugin-logger');
require('@webex/internal-plugin-device');
require('@webex/internal-plugin-mercury');
require('@webex/internal-plugin-locus');

const SDP = 'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 RTP/SAVPF 111\r\na=sendrecv\r\na=rtpmap:111 opus/48000/2\r\n';

// What is heard of a call is compared with the copy, then merged, or asked for again.
class Person {
  constructor(name, email, webex) {
    Object.assign(this, {name, email, webex, copy: undefined, asked: 0, heard: []});
    const {mercury} = webex.internal;
    mercury.on('event', (envelope) => {
      const {data} = envelope;
      if (!data || !String(data.eventType).startsWith('locus.') || !data.locus) return;
      this.heard.push(data.eventType);
      this.take(data.locus);
    });
  }

  static async make(name) {
    const email = `${name}-${process.pid}@room.example`;
    const user = await control('POST', '/users', {name, email});
    const token = await control('POST', '/tokens', {userId: user.id});
    const webex = clientOf(token);
    await webex.internal.services.waitForCatalog('postauth', 15);
    await webex.internal.device.register();
    await webex.internal.mercury.connect();
    return new Person(name, email, webex);
  }

  get locus() {
    return this.webex.internal.locus;
  }

  take(incoming) {
    if (!this.copy || this.copy.url !== incoming.url) {
      if (!incoming.baseSequence) this.copy = incoming;
      return;
    }
    const action = this.locus.compare(this.copy, incoming);
    if (action === 'USE_INCOMING') this.copy = this.locus.merge(this.copy, incoming);
    if (action === 'FETCH') {
      this.asked += 1;
      this.locus.get(this.copy).then((full) => this.take(full));
    }
  }

  async until(wanted, what) {
    for (let tries = 0; tries < 100; tries += 1) {
      if (this.copy && wanted(this.copy)) return this.copy;
      await sleep(50);
    }
    throw new Error(`${this.name} does not see ${what}: ${JSON.stringify(this.copy && this.copy.participants)} after ${this.heard}`);
  }

  other(dto) {
    return dto.participants.find((one) => one.id !== dto.self.id);
  }

  async call(invitee) {
    this.copy = await this.locus.create(invitee, {correlationId: randomUUID(), localSdp: SDP});
    return this.copy;
  }
}

module.exports = {Person, SDP};
