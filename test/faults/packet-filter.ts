/**
 * Programs of classic BPF for `tc filter … bpf da`, which decide on each packet that leaves an interface. They need no module of
 * the kernel beyond `cls_bpf`, where netem is often missing. The instructions: Linux, Documentation/networking/filter.rst.
 */

const loadHalf = 0x28;
const loadWord = 0x20;
const jumpIfEqual = 0x15;
const jumpIfAtLeast = 0x35;
const answer = 0x06;

/** Offsets in an Ethernet frame with IPv4. */
const etherTypeAt = 12;
const destinationAt = 30;
const ipv4 = 0x0800;

/** Where the kernel keeps a random number: SKF_AD_OFF + SKF_AD_RANDOM. */
const randomAt = 2 ** 32 - 0x1000 + 56;

/** Answers of a classifier in direct action: TC_ACT_OK, TC_ACT_SHOT. */
const pass = 0;
const drop = 2;

type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, operand: number];

export interface PacketRules {
  /** IPv4 addresses to which nothing goes. */
  readonly blocked: readonly string[];
  /** Share of packets that are lost, from 0 to 1. */
  readonly loss: number;
}

/** The program as `tc` takes it. What is not IPv4 passes, so that nodes still find one another when a block ends. */
export function packetFilter({ blocked, loss }: PacketRules): string {
  const toDrop = (i: number) => blocked.length - i + 2;
  const program: Instruction[] = [
    [loadHalf, 0, 0, etherTypeAt],
    [jumpIfEqual, 0, blocked.length + 3, ipv4],
    [loadWord, 0, 0, destinationAt],
    ...blocked.map((address, i): Instruction => [jumpIfEqual, toDrop(i), 0, addressNumber(address)]),
    [loadWord, 0, 0, randomAt],
    [jumpIfAtLeast, 0, 1, Math.min(2 ** 32 - 1, Math.round(loss * 2 ** 32))],
    [answer, 0, 0, pass],
    [answer, 0, 0, drop],
  ];
  return [program.length, ...program.map((instruction) => instruction.join(' '))].join(',');
}

function addressNumber(address: string): number {
  return address.split('.').reduce((number, part) => number * 256 + Number(part), 0);
}
