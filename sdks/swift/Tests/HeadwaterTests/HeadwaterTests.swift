// What each call gives. `swift test` runs it where Swift and the C library are.

import DittoCompat
import Headwater
import XCTest

final class HeadwaterTests: XCTestCase {
  private var folder = URL(fileURLWithPath: NSTemporaryDirectory())

  override func setUp() {
    folder = folder.appendingPathComponent("headwater-\(UUID().uuidString)")
  }

  override func tearDown() {
    try? FileManager.default.removeItem(at: folder)
  }

  func testADocumentIsWrittenFoundAndChanged() throws {
    let headwater = try Headwater(Config(dir: folder.path))
    let people = headwater.store.collection("people")
    let written = try people.upsert(["_id": "susan", "name": "Susan", "age": 31])
    XCTAssertEqual(written.id as? String, "susan")
    _ = try people.byID("susan").update { susan in
      susan.at("age").increment(1)
      susan.at("address").at("town").set("Bath")
    }
    let susan = try XCTUnwrap(people.findByID("susan"))
    XCTAssertEqual(susan["age"] as? Int, 32)
    XCTAssertEqual(lookUp(susan, "address.town") as? String, "Bath")
    XCTAssertEqual(try people.find("age > $args.age", ["age": 18]).sort("age").limit(1).documents().count, 1)
    XCTAssertTrue(try people.evict("susan"))
  }

  func testATransactionIsWholeOrNothing() throws {
    struct No: Error {}
    let headwater = try Headwater(Config(dir: folder.path))
    XCTAssertThrowsError(
      try headwater.store.transaction { transaction in
        _ = try transaction.collection("orders").upsert(["_id": 1])
        throw No()
      })
    XCTAssertNil(try headwater.store.collection("orders").findByID(1))
  }

  func testObserversAreToldAndEnd() throws {
    let headwater = try Headwater(Config(dir: folder.path))
    let told = expectation(description: "told")
    told.assertForOverFulfill = false
    let observer = try headwater.store.registerObserver("SELECT * FROM a") { items in
      if items.count == 1 { told.fulfill() }
    }
    _ = try headwater.store.collection("a").upsert([:])
    wait(for: [told], timeout: 60)
    observer.cancel()
  }

  func testErrorsHaveCodes() async throws {
    let headwater = try Headwater(Config(dir: folder.path))
    do {
      let _: Executed = try await headwater.store.execute("SELECT")
      XCTFail("it is no statement")
    } catch let error as HeadwaterError {
      XCTAssertEqual(error.code, .invalidQuery)
    }
    XCTAssertThrowsError(try Headwater(Config(dir: folder.path))) { error in
      XCTAssertEqual((error as? HeadwaterError)?.code, .inUse)
    }
    headwater.close()
    XCTAssertThrowsError(try headwater.info())
  }

  func testALoginWithoutAnAnswerTimesOut() async throws {
    let nobody = URL(string: "http://127.0.0.1:9")
    let identity = DittoIdentity.onlinePlayground(appID: "", token: "", customAuthURL: nobody)
    let ditto = try Ditto(identity: identity, persistenceDirectory: folder)
    ditto.auth?.expirationHandler = { _, _ in }
    try await ditto.auth?.login(token: "a key", provider: .development)
    do {
      try await ditto.auth?.login(token: "what it gave", provider: "own")
      XCTFail("nobody answers")
    } catch let error as HeadwaterError {
      XCTAssertEqual(error.code, .timedOut)
    }
  }

  func testTheVendorsNames() async throws {
    let ditto = try Ditto(identity: .offlinePlayground(), persistenceDirectory: folder)
    XCTAssertNil(ditto.auth)
    let docID = try ditto.store["people"].upsert(["name": "Susan", "age": 31])
    try ditto.store["people"].findByID(docID).update { susan in susan?["age"].set(32) }
    let result = try await ditto.store.execute(query: "SELECT * FROM people WHERE age = :age", arguments: ["age": 32])
    XCTAssertEqual(result.items.count, 1)
    XCTAssertEqual(ditto.store["people"].findAll().sort("age").exec().first?["age"].intValue, 32)
    let results = try ditto.store.write { transaction in
      try transaction["cars"].upsert(["_id": "c"])
      try transaction["cars"].findByID("c").remove()
    }
    XCTAssertEqual(results.count, 2)
  }
}
