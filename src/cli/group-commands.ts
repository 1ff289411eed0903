import type { Command } from 'commander';
import type { NodeClient } from '../client/interface.ts';
import { defineOptions, formatDuration, type ParsedOptions } from '../config/interface.ts';
import { QuorateError } from '../errors/interface.ts';
import type { ChangeGroupRequest, Group, GroupAcks, GroupMember } from '../proto/interface.ts';
import { isoTime } from '../runtime/interface.ts';
import { systemDatabaseName } from '../server/interface.ts';
import { clientOptions } from './client-options.ts';
import { type CommandContext, describe } from './command-context.ts';
import { renderTable } from './text-table.ts';

const memberOptions = defineOptions('Member', {
  priority: {
    type: 'integer',
    min: -100,
    max: 100,
    help: 'Of two members that have the same, the one with the higher priority becomes primary; 0 when not given.',
  },
  nofailover: { type: 'boolean', help: 'The member never becomes primary by itself.' },
  nosync: { type: 'boolean', help: 'Its acknowledgements do not count, and it never becomes primary.' },
  witness: { type: 'boolean', help: 'The member holds no data and only votes.' },
});

const ruleOptions = defineOptions('Rules', {
  acks: {
    type: 'choice',
    choices: ['async', 'sync', 'quorum', 'applied'],
    help: 'How many members must have a transaction before its client is told "committed"; quorum, a majority, when not given.',
  },
  ackCount: {
    type: 'integer',
    min: 1,
    max: 100,
    help: 'Members besides the primary, at the levels sync and applied; 1 when not given.',
  },
  whenShort: {
    type: 'choice',
    choices: ['block', 'degrade'],
    help: 'While too few members acknowledge: writes wait, or go on as async after a time. A group that may degrade has no safe failover.',
  },
  automatic: { type: 'boolean', help: 'Whether members elect another primary by themselves; true when not given.' },
  failoverMaxLag: {
    type: 'integer',
    min: 0,
    max: 1_000_000_000,
    help: 'Transactions that a failover may lose where nobody can say that none would be, as in async mode.',
  },
  leaseMs: {
    type: 'duration',
    min: 500,
    max: 60_000,
    help: 'How long a primary is trusted without a sign of life; 1500ms when not given.',
  },
});

const allOptions = defineOptions('Databases', {
  all: { type: 'boolean', default: false, help: 'All databases, systemdb with the users among them.' },
});

const createOptions = {
  ...allOptions,
  ...ruleOptions,
  ...pickMember(['priority', 'nofailover']),
  ...clientOptions,
} as const;
const joinOptions = { ...allOptions, ...memberOptions, ...clientOptions } as const;
const updateOptions = {
  ...ruleOptions,
  ...defineOptions('Rules', {
    noMaxLag: { type: 'boolean', default: false, help: 'No failover may lose anything.' },
    newDatabases: {
      type: 'boolean',
      help: 'Of the group of systemdb: whether each database that is made on a member gets a group of the same members and rules.',
    },
  }),
  ...clientOptions,
} as const;
const leaveOptions = {
  ...defineOptions('Member', {
    member: { type: 'string', help: 'Name or id of the member; the node that is asked when absent.' },
  }),
  ...clientOptions,
} as const;
const pauseOptions = {
  ...defineOptions('Pause', {
    forMs: {
      type: 'duration',
      default: 3_600_000,
      min: 1_000,
      max: 604_800_000,
      help: 'When the pause ends by itself.',
    },
  }),
  ...clientOptions,
} as const;

function pickMember<K extends keyof typeof memberOptions>(keys: readonly K[]): Pick<typeof memberOptions, K> {
  return Object.fromEntries(keys.map((key) => [key, memberOptions[key]])) as Pick<typeof memberOptions, K>;
}

export function addGroupCommands(program: Command, context: CommandContext): void {
  const group = program.command('group').description('Replication groups: which nodes take part, and by which rules.');
  addCreate(group, context);
  addJoin(group, context);
  addLeave(group, context);
  addUpdate(group, context);
  addList(group, context);
  addPause(group, context);
}

function addCreate(group: Command, context: CommandContext): void {
  const command = group
    .command('create [database]')
    .description('Make a group of a database, on the node that is its primary.');
  describe(command, createOptions, [
    'group create shop',
    'group create shop --acks sync --failover-max-lag 100',
    'group create --all',
  ]).action(async (database: string | undefined) => {
    const parsed = context.parse(command, createOptions);
    const { json, all, priority, nofailover, failoverMaxLag, automatic, leaseMs = 0, ...connection } = parsed.values;
    using client = context.connect(connection);
    const self = newMember({ priority, nofailover });
    const rules = { self, acks: acksOf(parsed), automatic, maxLag: failoverMaxLag, leaseMs };
    for (const name of await named(database, all, () => groupless(client))) {
      const newDatabases = all && name === systemDatabaseName ? true : undefined;
      printGroup(context, json, await client.groups.create({ database: name, newDatabases, ...rules }));
    }
    const groups = all ? await client.groups.list() : [];
    if (groups.some((one) => one.database === systemDatabaseName && !one.newDatabases)) {
      await client.groups.update({ ...nothing, database: systemDatabaseName, newDatabases: true });
    }
  });
}

function addJoin(group: Command, context: CommandContext): void {
  const command = group
    .command('join [database]')
    .description('Make the node a member of a group; it fetches the database from the primary.');
  describe(command, joinOptions, [
    'group join shop',
    'group join shop --witness',
    'group join shop --priority 10',
    'group join --all',
  ]).action(async (database: string | undefined) => {
    const { json, all, priority, nofailover, nosync, witness, ...connection } = context.parse(
      command,
      joinOptions,
    ).values;
    using client = context.connect(connection);
    const self = newMember({ priority, nofailover, nosync, witness });
    for (const name of await named(database, all, () => unjoined(client))) {
      printGroup(context, json, await client.groups.join({ database: name, self }));
    }
  });
}

/** The database that was named, or all of them. @throws QuorateError INVALID_ARGUMENT */
async function named(database: string | undefined, all: boolean, every: () => Promise<string[]>): Promise<string[]> {
  if ((database === undefined) !== all) {
    throw new QuorateError('INVALID_ARGUMENT', 'either a database is named, or --all is given');
  }
  return database === undefined ? await every() : [database];
}

/** Primaries of a node that have no group; that of the users last, since its tokens may end when others join. */
async function groupless(client: NodeClient): Promise<string[]> {
  const [{ databases }, groups] = await Promise.all([client.status(), client.groups.list('', true)]);
  const taken = new Set(groups.map((one) => one.database));
  return usersLast(
    databases.filter((one) => one.role === 'primary' && !taken.has(one.database)).map((one) => one.database),
  );
}

/** Groups that a node is no member of. */
async function unjoined(client: NodeClient): Promise<string[]> {
  const { nodeId } = await client.status();
  const groups = await client.groups.list('', true);
  const others = groups.filter(({ members }) => !members.some((member) => member.nodeId === nodeId));
  return usersLast(others.map((one) => one.database));
}

function usersLast(names: readonly string[]): string[] {
  return [
    ...names.filter((name) => name !== systemDatabaseName),
    ...names.filter((name) => name === systemDatabaseName),
  ];
}

function addLeave(group: Command, context: CommandContext): void {
  const command = group.command('leave <database>').description('Take a member out of a group; it keeps its data.');
  describe(command, leaveOptions, ['group leave shop', 'group leave shop --member node3']).action(
    async (database: string) => {
      const { json, member = '', ...connection } = context.parse(command, leaveOptions).values;
      using client = context.connect(connection);
      printGroup(context, json, await client.groups.leave({ database, member }));
    },
  );
}

function addUpdate(group: Command, context: CommandContext): void {
  const command = group.command('update <database>').description('Change the rules of a group, without a restart.');
  describe(command, updateOptions, ['group update shop --acks quorum', 'group update shop --automatic=false']).action(
    async (database: string) => {
      const parsed = context.parse(command, updateOptions);
      const { json, automatic, failoverMaxLag, noMaxLag, leaseMs = 0, newDatabases, ...connection } = parsed.values;
      using client = context.connect(connection);
      const change: ChangeGroupRequest = {
        ...{ database, remove: '', acks: acksOf(parsed), automatic, maxLag: failoverMaxLag, leaseMs },
        ...{ clearMaxLag: noMaxLag, newDatabases },
      };
      printGroup(context, json, await client.groups.update(change));
    },
  );
}

function addList(group: Command, context: CommandContext): void {
  const command = group
    .command('list [database]')
    .description('The groups of a node, with their members and their primary.');
  describe(command, clientOptions, ['group list', 'group list shop --json']).action(
    async (database: string | undefined) => {
      const { json, ...connection } = context.parse(command, clientOptions).values;
      using client = context.connect(connection);
      const groups = await client.groups.list(database);
      context.print(json, groups.map(groupJson), () => groups.map(groupText).join('\n'));
    },
  );
}

function addPause(group: Command, context: CommandContext): void {
  const pause = group.command('pause <database>').description('Let nobody be elected automatically for a while.');
  describe(pause, pauseOptions, ['group pause shop --for 30m']).action(async (database: string) => {
    const { json, forMs, ...connection } = context.parse(pause, pauseOptions).values;
    using client = context.connect(connection);
    printGroup(context, json, await client.groups.update({ ...nothing, database, pauseMs: forMs }));
  });
  const resume = group.command('resume <database>').description('End a pause.');
  describe(resume, clientOptions, ['group resume shop']).action(async (database: string) => {
    const { json, ...connection } = context.parse(resume, clientOptions).values;
    using client = context.connect(connection);
    printGroup(context, json, await client.groups.update({ ...nothing, database, pauseMs: 0 }));
  });
}

const nothing: ChangeGroupRequest = { database: '', remove: '', clearMaxLag: false, leaseMs: 0 };

function acksOf({ values }: Pick<ParsedOptions<typeof ruleOptions>, 'values'>): GroupAcks | undefined {
  const { acks, ackCount, whenShort } = values;
  if (acks === undefined && ackCount === undefined && whenShort === undefined) {
    return undefined;
  }
  return { level: acks ?? '', acks: ackCount ?? 0, whenShort: whenShort ?? '', degradeAfterMs: 0, timeoutMs: 0 };
}

/** What the node that is asked does not know itself. */
function newMember(
  asked: Partial<Record<'nofailover' | 'nosync' | 'witness', boolean | undefined>> & { priority: number | undefined },
): GroupMember {
  const { priority = 0, nofailover = false, nosync = false, witness = false } = asked;
  const own = { nodeId: '', name: '', host: '', port: 0, httpUrl: '', zone: '', learner: false };
  return { ...own, priority, nofailover, nosync, witness };
}

function printGroup(context: CommandContext, json: boolean, group: Group): void {
  context.print(json, groupJson(group), () => groupText(group));
}

function groupJson({ pausedUntilMs, ...group }: Group): object {
  return { ...group, pausedUntil: pausedUntilMs === 0 ? undefined : isoTime(pausedUntilMs) };
}

function groupText(group: Group): string {
  const { database, members, acks, automatic, maxLag, leaseMs, pausedUntilMs, leader, term, newDatabases } = group;
  if (members.length === 0) {
    return `${database} has no group any more\n`;
  }
  const level = acks?.acks ? `${acks.level} ${acks.acks}` : acks?.level;
  const paused = pausedUntilMs === 0 ? '' : `, paused until ${isoTime(pausedUntilMs)}`;
  const loss = maxLag === undefined ? '' : `, which may lose ${maxLag} transactions`;
  const head = `${database}: term ${term}, acks ${level}, lease ${formatDuration(leaseMs)}, failover ${automatic ? 'automatic' : 'by command'}${loss}${paused}\n`;
  const safety = `${group.holders} of ${group.dataMembers} members hold what was acknowledged; ${group.answers} must answer before another becomes primary\n`;
  const scope = newDatabases ? 'each database that is made on a member gets such a group, too\n' : '';
  const rows = members.map((member) =>
    [member.name, roleText(member, leader), `${member.host}:${member.port}`, member.zone, String(member.priority)].map(
      (text) => ({ text }),
    ),
  );
  return head + safety + scope + renderTable(['member', 'role', 'address', 'zone', 'priority'], rows);
}

function roleText({ nodeId, witness, learner, nosync, nofailover }: GroupMember, leader: string): string {
  const role = witness ? 'witness' : nodeId === leader ? 'primary' : 'replica';
  const marks = [
    ...(learner ? ['fetching'] : []),
    ...(nosync ? ['nosync'] : []),
    ...(nofailover ? ['nofailover'] : []),
  ];
  return marks.length === 0 ? role : `${role} (${marks.join(', ')})`;
}
