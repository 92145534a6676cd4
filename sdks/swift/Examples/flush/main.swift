// Pushes what waits in a folder: `flush FOLDER SERVER`. It prints the number of the server's transaction.

import Foundation
import Headwater

let arguments = CommandLine.arguments
guard arguments.count == 3 else {
  FileHandle.standardError.write(Data("usage: flush FOLDER SERVER, as in: flush till-7 http://localhost:8080\n".utf8))
  exit(2)
}
let headwater = try Headwater(Config(dir: arguments[1], server: arguments[2]))
try headwater.startSync()
print(try await headwater.sync.flushed(timeout: 30) ?? 0)
