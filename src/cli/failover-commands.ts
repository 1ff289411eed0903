import type { Command } from 'commander';
import type { Decision } from '../cluster/interface.ts';
import { defineOptions } from '../config/interface.ts';
import { QuorateError } from '../errors/interface.ts';
import { clientOptions } from './client-options.ts';
import { type CommandContext, describe } from './command-context.ts';
import { confirmationOptions, confirmByName } from './confirmation.ts';
import { explainDecision, lossText } from './decision-text.ts';

/** Milliseconds that a planned switchover may lie ahead. */
const maxWaitMs = 7 * 86_400_000;

const targetOptions = defineOptions('Target', {
  to: { type: 'string', placeholder: 'NODE', help: 'Name or id of the member that is to be primary.' },
});

const switchoverOptions = {
  ...targetOptions,
  ...defineOptions('Switchover', {
    dryRun: { type: 'boolean', default: false, help: 'Only say whether it could be done.' },
    at: {
      type: 'string',
      placeholder: 'TIME',
      help: 'When, such as 2026-01-31T02:00:00Z; the command waits until then.',
    },
  }),
  ...clientOptions,
} as const;

const failoverOptions = {
  ...targetOptions,
  ...defineOptions('Failover', {
    force: { type: 'boolean', default: false, help: 'Also where something that was acknowledged may be lost.' },
    dryRun: { type: 'boolean', default: false, help: 'Only say whether it could be done, and what may be lost.' },
  }),
  ...confirmationOptions,
  ...clientOptions,
} as const;

const savedLater = 'It is saved when a member that has it comes back.';

export function addFailoverCommands(program: Command, context: CommandContext): void {
  addSwitchover(program, context);
  addFailover(program, context);
  const explain = program.command('explain').description('Why something is as it is.');
  addExplain(explain, context);
}

function addSwitchover(program: Command, context: CommandContext): void {
  const command = program
    .command('switchover <database>')
    .description('Hand the place of a living primary to another member: writes wait for a moment, nothing is lost.');
  describe(command, switchoverOptions, ['switchover shop --to node2', 'switchover shop --to node2 --dry-run']).action(
    async (database: string) => {
      const { json, to, dryRun, at, ...connection } = context.parse(command, switchoverOptions).values;
      await until(context, at);
      using client = context.connect(connection);
      const report = await client.groups.switchover({ database, to: required(to), dryRun });
      context.print(json, report, () =>
        dryRun
          ? `${report.to} can take over from ${report.from}; it lacks ${report.lag} transactions now\n`
          : `${report.to} is primary of ${database}; writes waited for ${report.pauseMs} ms\n`,
      );
    },
  );
}

function addFailover(program: Command, context: CommandContext): void {
  const command = program
    .command('failover <database>')
    .description('Make a member primary when the primary is gone, if nothing that was acknowledged can be lost.');
  describe(command, failoverOptions, ['failover shop --to node2', 'failover shop --to node2 --force --yes']).action(
    async (database: string) => {
      const { json, to, force, dryRun, yes, ...connection } = context.parse(command, failoverOptions).values;
      const target = required(to);
      using client = context.connect(connection);
      const attempt = async (isDry: boolean) =>
        JSON.parse(await client.groups.failover({ database, to: target, force, dryRun: isDry })) as Decision;
      if (force && !yes && !dryRun) {
        const rehearsal = await attempt(true);
        if (rehearsal.refusal === undefined) {
          await confirmByName(`${lossText(rehearsal)} ${savedLater}`, database);
        }
      }
      const decision = await attempt(dryRun);
      const loss = dryRun && decision.refusal === undefined ? `${lossText(decision)}\n` : '';
      context.print(json, decision, () => explainDecision(decision) + loss);
      if (decision.refusal !== undefined) {
        throw new QuorateError('WRONG_ROLE', `${target} did not become primary: ${decision.refusal.message}`, {
          hint:
            decision.refusal.rule === 'answers'
              ? 'With --force it becomes primary, and what nobody can say may be lost.'
              : '',
          details: { rule: decision.refusal.rule },
        });
      }
    },
  );
}

function addExplain(explain: Command, context: CommandContext): void {
  const command = explain
    .command('failover <database>')
    .description('The last election of a group: who was asked, what they said, and what was decided.');
  const options = {
    ...defineOptions('Explain', {
      last: { type: 'integer', default: 1, min: 1, max: 20, help: 'How many elections.' },
    }),
    ...clientOptions,
  } as const;
  describe(command, options, ['explain failover shop', 'explain failover shop --last 5 --json']).action(
    async (database: string) => {
      const { json, last, ...connection } = context.parse(command, options).values;
      using client = context.connect(connection);
      const decisions = (await client.groups.explain(database))
        .slice(0, last)
        .map((text) => JSON.parse(text) as Decision);
      context.print(json, decisions, () =>
        decisions.length === 0 ? `${database} has had no election\n` : decisions.map(explainDecision).join('\n'),
      );
    },
  );
}

function required(to: string | undefined): string {
  if (to === undefined) {
    throw new QuorateError('INVALID_ARGUMENT', 'it must be said which member is to be primary', {
      hint: 'Give --to NODE.',
    });
  }
  return to;
}

/** Waits until a moment that a person named. @throws QuorateError INVALID_ARGUMENT */
async function until({ runtime }: CommandContext, at: string | undefined): Promise<void> {
  const atMs = at === undefined ? 0 : Date.parse(at);
  const waitMs = atMs - runtime.clock.nowMs();
  if (Number.isNaN(atMs) || waitMs > maxWaitMs) {
    throw new QuorateError('INVALID_ARGUMENT', `${at} is no time within the next ${maxWaitMs / 86_400_000} days`, {
      hint: 'Write it as 2026-01-31T02:00:00Z.',
    });
  }
  if (waitMs > 0) {
    await runtime.timers.sleep(waitMs);
  }
}
