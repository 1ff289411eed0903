import type { Command } from 'commander';
import {
  type Comparison,
  type ComparisonOptions,
  compareNodes,
  type Difference,
  type NodeClient,
} from '../client/interface.ts';
import { defineOptions } from '../config/interface.ts';
import { QuorateError } from '../errors/interface.ts';
import { clientOptions } from './client-options.ts';
import { type CommandContext, describe } from './command-context.ts';
import { type DatabaseAddress, parseDatabaseAddress } from './database-address.ts';
import { repairReplica } from './replica-repair.ts';
import { StoppedReplica } from './stopped-replica.ts';
import { comparisonJson, comparisonText, repairText } from './verify-text.ts';

const withOptions = defineOptions('Verification', {
  withUsername: { type: 'string', default: 'admin', help: 'User on the server of --with.' },
  withPassword: {
    type: 'string',
    secret: true,
    help: 'Its password; without it, the token that "quorate login" has kept.',
  },
  maxDifferences: {
    type: 'integer',
    default: 1000,
    min: 1,
    max: 100_000,
    help: 'Differing rows after which no more are listed.',
  },
});

const options = { ...withOptions, ...clientOptions } as const;

/** Comparisons of one repair. Rows that are written meanwhile may need more than one. */
const maxRounds = 20;

interface Flags {
  readonly with: string;
  readonly repair?: true;
}

interface Sides {
  readonly database: string;
  readonly here: NodeClient;
  readonly other: NodeClient;
  readonly otherDatabase: string;
  /** What the user calls it. */
  readonly otherName: string;
}

export function addVerifyCommand(program: Command, context: CommandContext): void {
  const command = program
    .command('verify <database>')
    .description(
      'Compare a database with its copy on another node, row by row at the same transaction, while both work.',
    )
    .requiredOption('--with <host:port/database>', 'the other node; the name of the database may be left out')
    .option(
      '--repair',
      'give differing rows of this database, a replica, the content that they have on the other node',
    );
  describe(command, options, [
    'verify shop --with 10.0.0.5:3322',
    'verify shop --with 10.0.0.5:3322/shop --with-password-file ./password.txt --json',
    'verify shop --with 10.0.0.5:3322 --repair',
  ]).action(async (database: string, flags: Flags) => {
    const { values } = context.parse(command, options);
    const address = otherAddress(flags.with, database);
    using here = context.connect(values);
    using other = await context.connectAs(address, values, values.withUsername, values.withPassword);
    const sides = { database, here, other, otherDatabase: address.database, otherName: flags.with };
    const { maxDifferences, json } = values;
    const show = (comparison: Comparison) =>
      context.print(json, comparisonJson(database, flags.with, comparison), () =>
        comparisonText(database, flags.with, comparison),
      );
    const left = flags.repair
      ? await repairAll(context, sides, { maxDifferences, json, show })
      : await compare(context, sides, { maxDifferences, content: false });
    if (!flags.repair) {
      show(left);
    }
    refuseDifferences(database, flags.with, left.differences);
  });
}

interface RepairOptions {
  readonly maxDifferences: number;
  readonly json: boolean;
  readonly show: (comparison: Comparison) => void;
}

/**
 * Compares, repairs and compares again until nothing differs or nothing more can be done; the last comparison. A replica that
 * has stopped at a wrong row applies over such rows meanwhile.
 */
async function repairAll(context: CommandContext, sides: Sides, options: RepairOptions): Promise<Comparison> {
  const { maxDifferences, json, show } = options;
  const stopped = await StoppedReplica.find(context, sides.here, sides.database);
  try {
    for (let round = 1; ; round += 1) {
      const mayGoOn = stopped && (() => stopped.goOn());
      const comparison = await compare(context, sides, { maxDifferences, content: true, mayGoOn });
      show(comparison);
      if (round === maxRounds || !comparison.differences.some(({ kind }) => kind === 'row')) {
        await stopped?.end(comparison.differences.length === 0);
        return comparison;
      }
      const summary = await repairReplica(sides.here, sides.database, comparison);
      context.print(json, { database: sides.database, ...summary }, () => repairText(summary));
    }
  } catch (error) {
    await stopped?.end(false);
    throw error;
  }
}

function otherAddress(text: string, database: string): DatabaseAddress {
  return parseDatabaseAddress('--with', text.includes('/') ? text : `${text}/${database}`);
}

/** The marker is written by the primary, if one of the two is it; a replica asks its own upstream to. */
async function compare(
  context: CommandContext,
  sides: Sides,
  wanted: Pick<ComparisonOptions, 'maxDifferences' | 'content' | 'mayGoOn'>,
): Promise<Comparison> {
  const here = sides.here.verification.database(sides.database);
  const reference = sides.other.verification.database(sides.otherDatabase);
  const { databases } = await sides.other.status(sides.otherDatabase);
  return await compareNodes({
    here,
    reference,
    writer: databases[0]?.role === 'primary' ? reference : here,
    marker: Buffer.from(context.runtime.random.bytes(16)).toString('hex'),
    ...wanted,
  });
}

/** Rows are repaired; what else differs comes with a new copy only. */
function hintFor(database: string, other: string, differences: readonly Difference[]): string {
  return differences.every(({ kind }) => kind === 'row')
    ? `If ${database} here is a replica, repair it: quorate verify ${database} --with ${other} --repair`
    : `Rows are not all that differs. If ${database} here is a replica, copy it again: quorate database rejoin ${database} --snapshot`;
}

function refuseDifferences(database: string, other: string, differences: readonly Difference[]): void {
  if (differences.length > 0) {
    throw new QuorateError('DIVERGED', `${database} differs from ${other}`, {
      hint: hintFor(database, other, differences),
      details: { differences: differences.length },
    });
  }
}
