/** Names of the tables and views that users made: not SQLite's own, not Quorate's, not the insides of virtual tables. */
export const userTables = `SELECT name FROM pragma_table_list
  WHERE schema = 'main' AND type <> 'shadow' AND name NOT GLOB 'sqlite_*' AND name NOT GLOB '_quorate_*'`;
