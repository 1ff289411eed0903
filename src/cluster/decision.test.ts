import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Decision, withDecision } from './decision.ts';

const refusal = { rule: 'better-member', message: 'two is to be preferred' } as const;

function decision(candidate: string, previousTerm: number, refused: boolean): Decision {
  return {
    database: 'shop',
    kind: 'automatic',
    candidate,
    atMs: 0,
    previousLeader: 'one',
    previousTerm,
    silentMs: 1500,
    numbers: { dataMembers: 3, holders: 2, answers: 2, votes: 2 },
    votes: [],
    answered: 1,
    ...(refused ? { refusal } : { term: previousTerm + 1 }),
    mayLose: 0,
    timings: {},
  };
}

test('a journal has the last election first', () => {
  const [first, second] = [decision('two', 3, false), decision('three', 4, true)];
  assert.deepEqual(withDecision(withDecision([], first), second), [second, first]);
});

test('who was refused while another was elected does not hide that election', () => {
  const elected = decision('two', 3, false);
  const late = decision('three', 3, true);
  const next = decision('three', 4, true);
  assert.deepEqual(withDecision([elected], late), [elected, late]);
  assert.deepEqual(withDecision([next, elected], late), [next, elected, late]);
});
