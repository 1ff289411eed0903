import { pageLimits, rangeLimits } from '../../client/interface.ts';
import { QuorateError } from '../../errors/interface.ts';
import type { KeyRange, MarkerRequest, RangesResponse, RowRepair, VerificationServer } from '../../proto/interface.ts';
import type * as stored from '../../sqlite/interface.ts';
import { markerIdBytes } from '../../sqlite/interface.ts';
import { LocalNode } from '../node/local-node.ts';
import { type RpcContext, unaryRpc } from './rpc.ts';

/** Largest answer of ranges that a caller may ask for, in bytes of the rows they stand for. */
const maxAnswerBytes = 64 * 1024 * 1024;

/** Positions in one request. */
const maxPositions = 1000;

/** Comparing databases of this node with those of others. */
export function verificationService(context: RpcContext): VerificationServer {
  const local = (name: string) => new LocalNode(context.node.databases.get(name), context.node.upstreams);
  return {
    prepare: unaryRpc(context, async (request) => ({
      databaseId: Buffer.from(await local(request.database).prepare(markerOf(request))),
    })),
    writeMarker: unaryRpc(context, async (request) => ({
      txId: await local(request.database).writeMarker(markerOf(request)),
    })),
    pin: unaryRpc(context, async (request) => ({ txId: await local(request.database).pin(markerOf(request)) })),
    overview: unaryRpc(context, async (request) => {
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
    ranges: unaryRpc(context, async (request) => {
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
    measure: unaryRpc(context, async (request) => {
      const ranges = request.ranges.map(rangeOf);
      const { table } = request;
      return wireRanges(await local(request.database).ask(markerOf(request), 'measure', { table, ranges }));
    }),
    rows: unaryRpc(context, async (request) => {
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
    end: unaryRpc(context, async (request) => {
      await local(request.database).end(markerOf(request));
      return {};
    }),
    repair: repair(context),
    positions: positions(context),
    rejoin: unaryRpc(context, ({ database }) => context.node.databases.get(database).rejoin()),
  };
}

function repair(context: RpcContext): VerificationServer['repair'] {
  return unaryRpc(context, ({ database, txId, table, rows }) =>
    context.node.databases.require(database).repair({ txId, table, rows: rows.map(ownBytes) }),
  );
}

function positions(context: RpcContext): VerificationServer['positions'] {
  return unaryRpc(context, async ({ database: name, txIds }) => {
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
function ownBytes({ key, digest, row }: RowRepair): stored.WantedRow {
  return { key: Uint8Array.from(key), digest: Uint8Array.from(digest), row: Uint8Array.from(row) };
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
