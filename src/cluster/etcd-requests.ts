import type { etcd } from '../proto/interface.ts';
import type { EtcdRequest } from './etcd-member.ts';

export function range(request: etcd.RangeRequest): EtcdRequest<etcd.RangeResponse> {
  return ({ kv }, metadata, options, callback) => kv.range(request, metadata, options, callback);
}

/** Reads next to nothing, but through a majority of the members. */
export function confirmation(prefix: string): EtcdRequest<etcd.RangeResponse> {
  return range({ key: Buffer.from(prefix), rangeEnd: Buffer.alloc(0), limit: 1n, countOnly: true });
}

export function transaction(request: etcd.TxnRequest): EtcdRequest<etcd.TxnResponse> {
  return ({ kv }, metadata, options, callback) => kv.txn(request, metadata, options, callback);
}

export function leaseGrant(ttlSeconds: number): EtcdRequest<etcd.LeaseGrantResponse> {
  return ({ lease }, metadata, options, callback) =>
    lease.leaseGrant({ TTL: BigInt(ttlSeconds) }, metadata, options, callback);
}

export function leaseRevoke(id: bigint): EtcdRequest<etcd.LeaseRevokeResponse> {
  return ({ lease }, metadata, options, callback) => lease.leaseRevoke({ ID: id }, metadata, options, callback);
}

/** One message of a stream that could take many: so each renewal has its own time limit and its own member. */
export function leaseKeepAlive(id: bigint): EtcdRequest<etcd.LeaseKeepAliveResponse> {
  return ({ lease }, metadata, options, callback) => {
    const stream = lease.leaseKeepAlive(metadata, options);
    stream.once('data', (response: etcd.LeaseKeepAliveResponse) => {
      callback(null, response);
      stream.end();
    });
    stream.on('error', callback);
    stream.write({ ID: id });
  };
}
