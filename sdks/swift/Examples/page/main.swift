// The page's write, as a program: `page FOLDER SERVER`.
//
// It needs no server: what it writes is in the folder when it prints the id, and is synced then or by the next program
// that opens the folder. It ends when its input does.

import DittoCompat
import Foundation

let arguments = CommandLine.arguments
guard arguments.count == 3 else {
  FileHandle.standardError.write(Data("usage: page FOLDER SERVER, as in: page till-7 http://localhost:8080\n".utf8))
  exit(2)
}
let identity = DittoIdentity.onlinePlayground(appID: "default", token: "", customAuthURL: URL(string: arguments[2]))
let ditto = try Ditto(identity: identity, persistenceDirectory: URL(fileURLWithPath: arguments[1]))
try ditto.startSync()

let docID = try! ditto.store["people"].upsert([
  "name": "Susan",
  "age": 31
])
print(docID)  // "507f191e810c19729de860ea"
fflush(stdout)

while readLine() != nil {}
