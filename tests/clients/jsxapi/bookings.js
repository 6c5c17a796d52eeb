'use strict';
// Bookings with the published client, unmodified, against a device without a calendar behind it: one JSON line a step, then exit 0 or 1.
// Environment: URL (wss://, ws:// or ssh://host:port), USERNAME, PASSWORD. Source: protocol/xapi.md 7.

const jsxapi = require('jsxapi');

const HOUR = 3600 * 1000;
const hence = (hours) => new Date(Math.floor(Date.now() / 1000) * 1000 + hours * HOUR).toISOString().replace('.000Z', 'Z');
let failed = 0;

function equal(got, wanted) {
  const a = JSON.stringify(got);
  const b = JSON.stringify(wanted);
  if (a !== b) throw new Error(`got ${a}, wanted ${b}`);
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

/** Take events as they come; `next(name)` is the first of that name that nobody has taken yet. */
function listener() {
  const told = [];
  let look = () => {};
  const take = (event) => {
    for (const name of Object.keys(event).filter((word) => word !== 'id')) told.push([name, event[name]]);
    look();
  };
  const next = (wanted) => new Promise((resolve) => {
    look = () => {
      const at = told.findIndex(([name]) => name === wanted);
      if (at < 0) return;
      look = () => {};
      resolve(told.splice(at, 1)[0][1]);
    };
    look();
  });
  return { take, next };
}

const pushed = (id, title, hours) => ({
  Id: id, Title: title, Number: `${id}@meet.test`, Protocol: 'SIP', Organizer: { Name: 'Ann Example' },
  Time: { StartTime: hence(hours), Duration: 30, StartTimeBuffer: 300, EndTimeBuffer: 0 },
});

async function main(xapi) {
  const events = listener();
  const list = async (filter) => (await xapi.Command.Bookings.List(filter)).Booking || [];
  let id;
  let meeting;

  await step('feedback on Bookings', async () => {
    await xapi.Event.Bookings.on(events.take).registration;
    await xapi.Config.Bookings.AdhocBooking.Enabled.set('True');
  });
  await step('Book', async () => {
    await xapi.Command.Bookings.Book({ Title: 'Chat', Duration: 15, BookingRequestUUID: 'u-1' });
    const requested = await events.next('BookingRequested');
    equal([requested.Title, String(requested.Duration), requested.BookingRequestUUID], ['Chat', '15', 'u-1']);
    const created = await events.next('BookingCreated');
    equal([created.Title, created.BookingRequestUUID], ['Chat', 'u-1']);
    id = created.Id;
    meeting = created.MeetingId;
    await events.next('Updated');
    equal((await events.next('Start')).Id, id);
    equal(await xapi.Status.Bookings.Current.Id.get(), id);
  });
  await step('Get', async () => {
    const { Booking } = await xapi.Command.Bookings.Get({ MeetingId: meeting });
    equal([Booking.Id, Booking.Title, Array.isArray(Booking)], [id, 'Chat', false]);
  });
  await step('Put', async () => {
    const body = { Bookings: [pushed('p-1', 'Weekly', 1), pushed('p-2', 'Monthly', 30)] };
    await xapi.command('Bookings Put', {}, JSON.stringify(body));
    await events.next('Updated');
    equal((await list()).map((booking) => booking.Title), ['Chat', 'Weekly', 'Monthly']);
    const [weekly] = (await list({ ScheduleType: 'Upcoming', Limit: 1 }));
    equal(weekly.DialInfo.Calls.Call[0].Number, 'p-1@meet.test');
    equal(weekly.Time.StartTime, body.Bookings[0].Time.StartTime);
  });
  await step('Put replaces', async () => {
    await xapi.command('Bookings Put', {}, JSON.stringify({ Bookings: [pushed('p-2', 'Yearly', 2)] }));
    await events.next('Updated');
    equal((await list()).map((booking) => booking.Title), ['Chat', 'Yearly']);
  });
  await step('a wrong Put', async () => {
    const refused = await xapi.command('Bookings Put', {}, '{"Bookings": [{}]}').then(() => false, () => true);
    equal([refused, (await list()).length], [true, 2]);
  });
  await step('Edit', async () => {
    const StartTime = hence(3);
    await xapi.Command.Bookings.Edit({ Id: 'p-2', StartTime, Duration: 45 });
    const moved = await events.next('BookingMoved');
    equal([moved.Id, moved.StartTime, String(moved.Duration)], ['p-2', StartTime, '45']);
  });
  await step('a conflict', async () => {
    await xapi.Command.Bookings.Book({ Duration: 5, BookingRequestUUID: 'u-2' });
    const told = await events.next('BookingFailed');
    equal([told.BookingRequestUUID, told.FailureCause], ['u-2', 'Decline']);
  });
  await step('Delete', async () => {
    await xapi.Command.Bookings.Delete({ Id: id });
    const deleted = await events.next('Deleted');
    equal([deleted.Id, deleted.Cause, deleted.MeetingId], [id, 'Deleted', meeting]);
  });
  await step('Clear', async () => {
    await xapi.Command.Bookings.Clear();
    equal(await list(), []);
  });
}

const xapi = jsxapi.connect(process.env.URL, {
  username: process.env.USERNAME,
  password: process.env.PASSWORD,
  rejectUnauthorized: false,
});
xapi.on('error', (error) => {
  console.log(JSON.stringify({ step: 'connection', ok: false, error: String(error) }));
  process.exit(1);
});
xapi.on('ready', async () => {
  await main(xapi);
  xapi.close();
  process.exit(failed ? 1 : 0);
});
