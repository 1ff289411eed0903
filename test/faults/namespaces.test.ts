import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { until } from '../until.ts';
import { NetworkNamespaces } from './namespaces.ts';

const missing = NetworkNamespaces.unavailable();
const skip = missing === undefined ? false : `${missing}; faults of networks are tested through the TCP proxy only`;
const noDelay = skip || NetworkNamespaces.canDelay() ? skip : 'this kernel has no netem, so packets cannot be delayed';

/** Whether a process runs; one that has ended and waits for its parent does not. */
function isRunning(pid: number): boolean {
  const file = `/proc/${pid}/stat`;
  return existsSync(file) && !/\) [ZX] /.test(readFileSync(file, 'utf8'));
}

/** Sends a numbered datagram to each other node every 5 ms, answers those of others, and prints whatever comes. */
const talker = `
  const [own, ...others] = process.argv.slice(1);
  const socket = require('node:dgram').createSocket('udp4');
  socket.on('error', () => {});
  socket.on('message', (text, { address }) => {
    const [kind, number, time] = text.toString().split(' ');
    if (kind === 'call') {
      console.log('heard ' + address + ' ' + number);
      socket.send('answer ' + number + ' ' + time, 7000, address, () => {});
    } else {
      console.log('round ' + address + ' ' + (performance.now() - Number(time)));
    }
  });
  socket.bind(7000, own, () => {
    let number = 0;
    setInterval(() => {
      number += 1;
      for (const address of others) {
        socket.send('call ' + number + ' ' + performance.now(), 7000, address, () => {});
      }
    }, 5);
  });
`;

/** Three nodes that talk all the time, and what each has heard. */
class Talk {
  readonly network: NetworkNamespaces;
  readonly #heard = new Map<string, number[]>();
  readonly #rounds = new Map<string, number[]>();

  constructor(t: TestContext, names = ['a', 'b', 'c']) {
    this.network = NetworkNamespaces.open(names);
    t.after(() => this.network[Symbol.dispose]());
    for (const name of names) {
      const others = names.filter((other) => other !== name);
      const addresses = [name, ...others].map((other) => this.network.address(other));
      const child = this.network.spawn(name, process.execPath, ['-e', talker, ...addresses]);
      this.#listen(child, name, new Map(names.map((other) => [this.network.address(other), other])));
    }
  }

  #listen(child: ChildProcess, name: string, names: ReadonlyMap<string, string>): void {
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      const [kind, address = '', value] = line.split(' ');
      const from = names.get(address);
      const lists = kind === 'heard' ? this.#heard : this.#rounds;
      lists.set(`${from} ${name}`, [...this.#of(lists, `${from} ${name}`), Number(value)]);
    });
  }

  #of(lists: ReadonlyMap<string, number[]>, way: string): number[] {
    return lists.get(way) ?? [];
  }

  /** Numbers of the datagrams that came on a way such as `a b`. */
  heard(way: string): readonly number[] {
    return this.#of(this.#heard, way);
  }

  /** Milliseconds of the round trips that began at the second node of a way. */
  rounds(way: string): readonly number[] {
    return this.#of(this.#rounds, way);
  }

  /** Waits for so many more datagrams on each of these ways. */
  async more(count: number, ...ways: readonly string[]): Promise<void> {
    const before = ways.map((way) => this.heard(way).length);
    const isThere = () => ways.every((way, i) => this.heard(way).length >= (before[i] ?? 0) + count);
    await until(`${count} more of ${ways}`, isThere);
  }

  /** Asserts that nothing comes on some ways while much does on others. */
  async assertSilent(silent: readonly string[], ...loud: readonly string[]): Promise<void> {
    // What was on its way has come by then.
    await this.more(10, ...loud);
    const before = silent.map((way) => this.heard(way).length);
    await this.more(40, ...loud);
    assert.deepEqual(
      silent.map((way) => this.heard(way).length),
      before,
    );
  }
}

const allWays = ['a b', 'a c', 'b a', 'b c', 'c a', 'c b'];

test('nodes hear one another, and a block silences one direction', { skip }, async (t) => {
  const talk = new Talk(t);
  await talk.more(5, ...allWays);
  talk.network.block('a', 'b');
  await talk.assertSilent(['a b'], 'b a', 'a c', 'c a', 'b c', 'c b');
  talk.network.heal();
  await talk.more(5, ...allWays);
});

test('a partition silences the ways between its groups until it is healed', { skip }, async (t) => {
  const talk = new Talk(t);
  await talk.more(5, ...allWays);
  talk.network.partition(['a'], ['b', 'c']);
  await talk.assertSilent(['a b', 'b a', 'a c', 'c a'], 'b c', 'c b');
  talk.network.heal();
  await talk.more(5, ...allWays);
});

test('an isolated node hears nobody', { skip }, async (t) => {
  const talk = new Talk(t);
  await talk.more(5, ...allWays);
  talk.network.isolate('c');
  await talk.assertSilent(['a c', 'b c', 'c a', 'c b'], 'a b', 'b a');
  talk.network.heal();
  await talk.more(5, ...allWays);
});

test('of the packets of a lossy node about as many are lost as were asked for', { skip }, async (t) => {
  const talk = new Talk(t, ['a', 'b']);
  await talk.more(5, 'a b', 'b a');
  talk.network.set('a', { loss: 0.2 });
  await talk.more(5, 'a b');
  const from = talk.heard('a b').length - 1;
  await talk.more(500, 'a b');
  const heard = talk.heard('a b').slice(from);
  const sent = (heard.at(-1) ?? 0) - (heard[0] ?? 0) + 1;
  const loss = 1 - heard.length / sent;
  assert.ok(loss > 0.1 && loss < 0.3, `${sent} were sent, ${heard.length} came`);
});

test('packets of a slow node are late', { skip: noDelay }, async (t) => {
  const talk = new Talk(t, ['a', 'b']);
  await talk.more(5, 'a b', 'b a');
  talk.network.set('a', { delayMs: 80 });
  await until('a late answer', () => (talk.rounds('a b').at(-1) ?? 0) >= 80);
});

test('where packets cannot be delayed it is told', { skip: skip || noDelay === false }, (t) => {
  const network = NetworkNamespaces.open(['a']);
  t.after(() => network[Symbol.dispose]());
  assert.throws(() => network.set('a', { delayMs: 80 }), /netem/);
});

test('nothing is left of a network, not even after a kill', { skip }, async () => {
  const left = (pid: number | undefined) =>
    spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' }).stdout.includes(`quorate-test-${pid}-`);
  const module = new URL('./namespaces.ts', import.meta.url).href;
  const program = `
    const { NetworkNamespaces } = await import(${JSON.stringify(module)});
    const network = NetworkNamespaces.open(['a', 'b']);
    const child = network.spawn('a', 'sleep', ['1000']);
    console.log(child.pid);
    setInterval(() => {}, 1000);
  `;
  const owner = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(owner, 'close');
  const [output] = (await once(owner.stdout, 'data')) as [Buffer];
  assert.ok(left(owner.pid));
  owner.kill('SIGKILL');
  await closed;
  const sleeper = Number(output.toString());
  assert.ok(isRunning(sleeper));

  const network = NetworkNamespaces.open(['a']);
  network[Symbol.dispose]();
  assert.ok(!left(owner.pid), 'namespaces of the killed process');
  assert.ok(!left(process.pid), 'namespaces of this process');
  await until('the end of what ran in one', () => !isRunning(sleeper));
});
