// The comparator of the unmodified package, over pairs of lines: reads [{current, incoming}, ...] as JSON, writes the results as JSON.
const {readFileSync, writeFileSync} = require('fs');

const Locus = require('@webex/internal-plugin-locus/dist/locus').default;

const pairs = JSON.parse(readFileSync(0, 'utf8'));
const {compareSequence, compare, compareDelta} = Locus.prototype;
const plugin = {compareSequence, compareDelta};

writeFileSync(
  1,
  JSON.stringify(
    pairs.map(({current, incoming, baseSequence}) => ({
      order: compareSequence.call(plugin, current, incoming),
      action: compare.call(plugin, {sequence: current}, {sequence: incoming, baseSequence}),
    }))
  )
);
process.exit(0); // the package leaves timers behind
