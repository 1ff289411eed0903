// Checks what the Go client of libSQL does with a server: go run . URL, with the token in LIBSQL_TOKEN.
package main

import (
	"database/sql"
	"fmt"
	"log"
	"os"

	_ "github.com/tursodatabase/libsql-client-go/libsql"
)

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	db, err := sql.Open("libsql", os.Args[1]+"?authToken="+os.Getenv("LIBSQL_TOKEN"))
	check(err)
	defer db.Close()
	_, err = db.Exec("CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT UNIQUE, size REAL, data BLOB)")
	check(err)
	result, err := db.Exec("INSERT INTO item (name, size, data) VALUES (?, ?, ?)", "one", 1.5, []byte{1, 2})
	check(err)
	id, err := result.LastInsertId()
	check(err)

	tx, err := db.Begin()
	check(err)
	_, err = tx.Exec("INSERT INTO item (name) VALUES (?)", "two")
	check(err)
	check(tx.Commit())
	tx, err = db.Begin()
	check(err)
	_, err = tx.Exec("INSERT INTO item (name) VALUES (?)", "three")
	check(err)
	check(tx.Rollback())

	var name string
	var size float64
	var data []byte
	check(db.QueryRow("SELECT name, size, data FROM item WHERE id = ?", id).Scan(&name, &size, &data))
	var count int
	check(db.QueryRow("SELECT count(*) FROM item").Scan(&count))
	_, duplicate := db.Exec("INSERT INTO item (name) VALUES ('one')")
	fmt.Println(id, name, size, data, count, duplicate != nil)
}
