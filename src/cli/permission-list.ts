import { QuorateError } from '../errors/interface.ts';
import type { DatabasePermission } from '../proto/interface.ts';

/** Reads a list such as `read:shop,write:stock`; nothing when it is empty. @throws QuorateError INVALID_ARGUMENT */
export function parsePermissions(text: string): DatabasePermission[] {
  const entries = text === '' ? [] : text.split(',');
  return entries.map((entry) => {
    const [permission = '', database = '', ...rest] = entry.trim().split(':');
    if (permission === '' || database === '' || rest.length > 0) {
      throw new QuorateError('INVALID_ARGUMENT', `${JSON.stringify(entry)} is no permission on a database`, {
        hint: 'Write PERMISSION:DATABASE, such as read:shop or write:*, with commas between.',
      });
    }
    return { permission, database };
  });
}

/** The form that `parsePermissions` reads. */
export function permissionText({ permission, database }: DatabasePermission): string {
  return `${permission}:${database}`;
}
