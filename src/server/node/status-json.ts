import type { DatabaseStatus, StatusResponse } from '../../proto/interface.ts';

/** A database's status for JSON: bytes in hexadecimal, and no field for what does not apply. */
export function databaseStatusJson(status: DatabaseStatus): Record<string, unknown> {
  const { databaseId, replication, ...rest } = status;
  return {
    ...rest,
    databaseId: databaseId.toString('hex'),
    replication: replication && withoutPassword(replication),
  };
}

function withoutPassword({ primaryPassword, ...rest }: NonNullable<DatabaseStatus['replication']>) {
  return rest;
}

/** A node's status for JSON: what `quorate status --json` prints and `/status` answers. */
export function statusJson(status: StatusResponse): Record<string, unknown> {
  return { ...status, databases: status.databases.map(databaseStatusJson) };
}
