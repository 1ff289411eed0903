import { pageLimits, rangeLimits } from '../../client/interface.ts';
import type { RepairPhase } from '../../database/interface.ts';
import { QuorateError } from '../../errors/interface.ts';
import type { KeyRange, MarkerRequest, RangesResponse, RowRepair, VerificationServer } from '../../proto/interface.ts';
import type * as stored from '../../sqlite/interface.ts';
import { markerIdBytes } from '../../sqlite/interface.ts';
import { LocalNode } from '../node/local-node.ts';
import { audited, onDatabase, type RpcContext, unaryRpc } from './rpc.ts';

/** Largest answer of ranges that a caller may ask for, in bytes of the rows they stand for. */
const maxAnswerBytes = 64 * 1024 * 1024;

/** Positions in one request. */
const maxPositions = 1000;

const repairPhases: readonly RepairPhase[] = ['goes-on', 'equal', 'given-up'];

/** It pins snapshots and writes markers, and sends rows. */
const admin = onDatabase('admin');

/** Comparing databases of this node with those of others. */
export function verificationService(context: RpcContext): VerificationServer {
  const local = (name: string) => new LocalNode(context.node.databases.get(name), context.node.upstreams);
  return {
    prepare: unaryRpc(context, admin, async (request) => ({
      databaseId: Buffer.from(await local(request.database).prepare(markerOf(request))),
    })),
    writeMarker: unaryRpc(context, admin, async (request) => ({
      txId: await local(request.database).writeMarker(markerOf(request)),
    })),
    pin: unaryRpc(context, admin, async (request) => ({ txId: await local(request.database).pin(markerOf(request)) })),
    overview: unaryRpc(context, admin, async (request) => {
      const { txId, schemaDigest, stateDigest, tables } = await local(request.database).ask(
        markerOf(request),
        'overview',
        {},
      );
      return {
        txId,
        schemaDigest: Buffer.from(schemaDigest),
        stateDigest: Buffer.from(stateDigest),
        tables: tables.map(({ name, definitionDigest }) => ({ name, definitionDigest: Buffer.from(definitionDigest) })),
      };
    }),
    ranges: unaryRpc(context, admin, async (request) => {
      const { table, after } = request;
      const answerBytes = Math.min(request.answerBytes, maxAnswerBytes);
      const limits = { ...rangeLimits, answerBytes };
      return wireRanges(
        await local(request.database).ask(markerOf(request), 'ranges', {
          table,
          after: Uint8Array.from(after),
          limits,
        }),
      );
    }),
    measure: unaryRpc(context, admin, async (request) => {
      const ranges = request.ranges.map(rangeOf);
      const { table } = request;
      return wireRanges(await local(request.database).ask(markerOf(request), 'measure', { table, ranges }));
    }),
    rows: unaryRpc(context, admin, async (request) => {
      const { table, range, content } = request;
      const limits = { ...pageLimits, content };
      const page = await local(request.database).ask(markerOf(request), 'rows', {
        table,
        range: rangeOf(range),
        limits,
      });
      const rows = page.rows.map(({ key, readableKey, digest, row }) => ({
        key: Buffer.from(key),
        readableKey: JSON.stringify(readableKey),
        digest: Buffer.from(digest),
        row: Buffer.from(row),
      }));
      return { rows, done: page.done };
    }),
    end: unaryRpc(context, admin, async (request) => {
      await local(request.database).end(markerOf(request));
      return {};
    }),
    repair: repair(context),
    setRepairPhase: unaryRpc(context, audited('database.repair-phase', admin), async ({ database, phase }) => {
      await context.node.databases.get(database).repairIs(phaseOf(phase));
      return {};
    }),
    positions: positions(context),
    rejoin: unaryRpc(context, audited('database.rejoin', admin), ({ database, snapshot }) =>
      context.node.databases.get(database).rejoin(snapshot),
    ),
  };
}

function phaseOf(text: string): RepairPhase {
  const phase = repairPhases.find((one) => one === text);
  if (phase === undefined) {
    throw new QuorateError('INVALID_ARGUMENT', `${JSON.stringify(text)} is no phase of a repair`);
  }
  return phase;
}

function repair(context: RpcContext): VerificationServer['repair'] {
  return unaryRpc(context, audited('database.repair', admin), ({ database, txId, table, rows }) =>
    context.node.databases.get(database).repair({ txId, table, rows: rows.map(ownBytes) }),
  );
}

function positions(context: RpcContext): VerificationServer['positions'] {
  return unaryRpc(context, admin, async ({ database: name, txIds }) => {
    const database = context.node.databases.require(name);
    const tipTxId = database.source.exportableTxId();
    if (txIds.length > maxPositions) {
      throw new QuorateError('INVALID_ARGUMENT', `at most ${maxPositions} positions are told at once`);
    }
    const known = txIds.filter((txId) => txId > 0 && txId <= tipTxId);
    const found = await Promise.all(known.map((txId) => database.source.positionOf(txId)));
    return {
      databaseId: Buffer.from(database.databaseId ?? []),
      tipTxId,
      positions: found.flatMap((position) =>
        position === undefined ? [] : [{ ...position, hash: Buffer.from(position.hash) }],
      ),
    };
  });
}

/** Bytes of their own: a view into the message would drag all of it along to another thread. */
function ownBytes({ key, found, row }: RowRepair): stored.WantedRow {
  return { key: Uint8Array.from(key), found: Uint8Array.from(found), row: Uint8Array.from(row) };
}

function markerOf({ marker }: Pick<MarkerRequest, 'marker'>): string {
  if (marker.length !== markerIdBytes) {
    throw new QuorateError('INVALID_ARGUMENT', `a marker has ${markerIdBytes} bytes, not ${marker.length}`);
  }
  return marker.toString('hex');
}

function rangeOf(range: KeyRange | undefined): stored.KeyRange {
  return { after: Uint8Array.from(range?.after ?? []), through: Uint8Array.from(range?.through ?? []) };
}

function wireRanges(ranges: readonly stored.RangeDigest[]): RangesResponse {
  return {
    ranges: ranges.map(({ after, through, rows, sizeBytes, digest }) => ({
      range: { after: Buffer.from(after), through: Buffer.from(through) },
      rows,
      sizeBytes,
      digest: Buffer.from(digest),
    })),
  };
}
