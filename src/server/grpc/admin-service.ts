import type { AdminServer } from '../../proto/interface.ts';
import {
  createDatabase,
  deleteDatabase,
  digest,
  forgetReplica,
  loadDatabase,
  outcome,
  unloadDatabase,
  updateDatabase,
} from './database-rpcs.ts';
import { exportDatabase } from './export-database-rpc.ts';
import { importDatabase } from './import-database-rpc.ts';
import { listDatabases } from './list-databases-rpc.ts';
import { login } from './login-rpc.ts';
import type { RpcContext } from './rpc.ts';
import { settings } from './settings-rpc.ts';
import { status } from './status-rpc.ts';

/** The administration service; each RPC is in a file of its own. */
export function adminService(context: RpcContext): AdminServer {
  return {
    login: login(context),
    status: status(context),
    listDatabases: listDatabases(context),
    createDatabase: createDatabase(context),
    updateDatabase: updateDatabase(context),
    loadDatabase: loadDatabase(context),
    unloadDatabase: unloadDatabase(context),
    deleteDatabase: deleteDatabase(context),
    importDatabase: importDatabase(context),
    exportDatabase: exportDatabase(context),
    digest: digest(context),
    outcome: outcome(context),
    settings: settings(context),
    forgetReplica: forgetReplica(context),
  };
}
