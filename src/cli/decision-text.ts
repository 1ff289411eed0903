import type { Decision, Vote } from '../cluster/interface.ts';
import { isoTime } from '../runtime/interface.ts';
import { renderTable } from './text-table.ts';

/** An election, told to a person. */
export function explainDecision(decision: Decision): string {
  const { database, kind, candidate, atMs, previousTerm, silentMs, numbers, votes, term, refusal, mayLose, timings } =
    decision;
  const outcome =
    refusal === undefined
      ? term === undefined
        ? 'can become primary'
        : `became primary of term ${term}`
      : `did not become primary (${refusal.rule}): ${refusal.message}`;
  const { dataMembers, holders, answers } = numbers;
  const lines = [
    `${isoTime(atMs)} ${database}: ${candidate} ${outcome}`,
    `kind ${kind}; the primary of term ${previousTerm} had given no sign for ${silentMs} ms`,
    `N = ${dataMembers} members with data, W = ${holders} hold what was acknowledged, R = ${answers} must answer (more than N - W)`,
    mayLose === 0
      ? 'nothing is known to be lost'
      : `${mayLose} transactions of the old primary are on no member that answered`,
    `time: ${Object.entries(timings)
      .map(([step, ms]) => `${step} ${ms} ms`)
      .join(', ')}`,
  ];
  const table =
    votes.length === 0 ? '' : renderTable(['member', 'log ends at', 'promised', 'answer'], votes.map(voteRow));
  return `${lines.join('\n')}\n${table}`;
}

/** What a failover by force may lose, as an attempt has shown. */
export function lossText({ numbers, answered, mayLose }: Decision): string {
  const { dataMembers, answers } = numbers;
  const count = `${answered} of ${dataMembers} members with data answer`;
  const known =
    mayLose === 0 ? '' : ` By its last sign the old primary had ${mayLose} transactions that none of them has.`;
  return answered >= answers
    ? `${count}, so nothing that was acknowledged is lost.`
    : `Only ${count}, ${answers} must: what was acknowledged may be on others alone, and is lost to the group then.${known}`;
}

function voteRow({ name, position, promised, answer }: Vote): { text: string }[] {
  const end = position === undefined ? '' : `${position.term}/${position.txId}`;
  const said = promised === undefined ? '' : promised ? 'yes' : 'no';
  return [name, end, said, answer].map((text) => ({ text }));
}
