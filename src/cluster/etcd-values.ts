import type { etcd } from '../proto/interface.ts';
import type { CoordinatorChange, CoordinatorCondition, CoordinatorEntry } from './coordinator.ts';

/** Numbers of etcd's enumerations CompareResult and CompareTarget. */
const compareEqual = 0;
const compareModRevision = 2;

/** All keys that begin with a prefix, which is not empty. */
export function keyRange(prefix: string): { key: Buffer; rangeEnd: Buffer } {
  const key = Buffer.from(prefix);
  const rangeEnd = Buffer.from(key);
  // The last byte of a text in UTF-8 is never 255.
  rangeEnd[rangeEnd.length - 1] = (rangeEnd.at(-1) ?? 0) + 1;
  return { key, rangeEnd };
}

export function toEntry(
  prefix: string,
  { key, value, createRevision, modRevision, lease }: etcd.KeyValue,
): CoordinatorEntry {
  return {
    key: key.toString().slice(prefix.length),
    value: value.toString(),
    createdRevision: Number(createRevision),
    changedRevision: Number(modRevision),
    leaseId: lease === 0n ? undefined : leaseName(lease),
  };
}

export function toCompare(prefix: string, { key, changedRevision }: CoordinatorCondition): etcd.Compare {
  return {
    result: compareEqual,
    target: compareModRevision,
    key: Buffer.from(prefix + key),
    targetUnion: { $case: 'modRevision', value: BigInt(changedRevision) },
  };
}

export function toOperation(prefix: string, { key, value, leaseId }: CoordinatorChange): etcd.RequestOp {
  const name = Buffer.from(prefix + key);
  if (value === undefined) {
    return { request: { $case: 'requestDeleteRange', value: { key: name } } };
  }
  const lease = leaseId === undefined ? 0n : leaseNumber(leaseId);
  return { request: { $case: 'requestPut', value: { key: name, value: Buffer.from(value), lease } } };
}

/** The id of a lease as etcdctl prints it. */
export function leaseName(id: bigint): string {
  return id.toString(16);
}

export function leaseNumber(name: string): bigint {
  return BigInt(`0x${name}`);
}
