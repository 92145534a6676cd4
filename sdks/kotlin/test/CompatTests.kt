/** What the vendor's names for Kotlin do. */
package com.headwater.kotlin.test

import com.ditto.kotlin.DefaultDittoDependencies
import com.ditto.kotlin.Ditto
import com.ditto.kotlin.DittoAuthenticator
import com.ditto.kotlin.DittoConfig
import com.ditto.kotlin.DittoCounter
import com.ditto.kotlin.DittoDocumentId
import com.ditto.kotlin.DittoFactory
import com.ditto.kotlin.DittoIdentity
import com.headwater.Codes
import java.util.concurrent.LinkedBlockingQueue
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import live.ditto.DittoLiveQueryEvent

val compatTests: List<Test> = listOf(
    "a peer is opened in every way" to ::opened,
    "documents of the legacy language" to ::documents,
    "statements, observers and flows" to ::statements,
    "a transaction is all or nothing" to ::transactions,
)

private fun config() =
    DittoConfig("app", DittoConfig.Connect.Server("http://127.0.0.1:1"), persistenceDirectory = folder().path)

private suspend fun opened() {
    val dependencies = DefaultDittoDependencies(folder())
    val identity = DittoIdentity.OnlinePlayground(dependencies, "app", "token", customAuthUrl = "http://127.0.0.1:1")
    Ditto(dependencies, identity).use { ditto ->
        ditto.deviceName = "till 7"
        ditto.disableSyncWithV3()
        ditto.startSync()
        same(listOf("app", true, false), listOf(ditto.appId, ditto.isSyncActive, ditto.isClosed))
        ditto.stopSync()
        refused(Codes.IN_USE) { DittoFactory.create(dependencies, identity) }
    }
    val asked = DittoIdentity.OnlineWithAuthentication(dependencies, "app", { }, customAuthUrl = "http://127.0.0.1:1")
    Ditto(dependencies, asked).use { ditto ->
        ditto.auth.login("key", DittoAuthenticator.DEVELOPMENT_PROVIDER)
        refused(Codes.TIMED_OUT) { ditto.auth.login("what it gave", "own") }
        ditto.auth.expirationHandler = { it, _ -> it.auth.login("what it gave", "own") }
        ditto.auth.expirationHandler = null
        same(listOf(true, null), listOf(ditto.auth.isLoginSupported, ditto.auth.userId))
    }
    val alone = DittoConfig("app", DittoConfig.Connect.SmallPeersOnly(), folder().path)
    val ditto = DittoFactory.create(alone)
    same(alone.persistenceDirectory, ditto.persistenceDirectory)
    ditto.close()
    refused(Codes.CLOSED) { ditto.store.execute("SELECT * FROM people") }
}

private suspend fun documents(): Unit = DittoFactory.create(config()).use { ditto ->
    val docId = ditto.store["people"].upsert(mapOf("name" to "Susan", "age" to 31, "visits" to DittoCounter(1)))
    ditto.store["people"].findById(docId).update { document ->
        document["age"].set(32)
        document["visits"].increment(2)
        document["address"]["town"] = "Bath"
    }
    val found = ditto.store["people"].findById(docId).exec()
    same(listOf(32, 3, "Bath"), listOf(found["age"].intValue, found["visits"].intValue, found["address"]["town"].value))
    same("Susan", found.value["name"])
    val events = LinkedBlockingQueue<DittoLiveQueryEvent>()
    ditto.store["people"].findAll().observeLocal { _, event -> events.add(event) }.use {
        check(events.take() is DittoLiveQueryEvent.Initial)
        ditto.store["people"].upsert(mapOf("_id" to "ann"))
        same(1, events.take().insertions.size)
    }
    val written = ditto.store.write { it["people"].upsert(mapOf("_id" to "ben")) }
    same(listOf(DittoDocumentId("ben")), written.map { it.docId })
    same(listOf("people"), ditto.store.collectionNames())
    same(true, ditto.store.collection("people").findById("ben").remove())
}

private suspend fun statements(): Unit = DittoFactory.create(config()).use { ditto ->
    val inserted = ditto.store.execute("INSERT INTO tasks DOCUMENTS (:task)", mapOf("task" to mapOf("_id" to "a")))
    same(setOf(DittoDocumentId("a")), inserted.mutatedDocumentIds())
    same("a", ditto.store.execute("SELECT * FROM tasks").items[0].value["_id"])
    refused(Codes.INVALID_QUERY) { ditto.store.execute("SELECT") }
    val told = CompletableDeferred<Int>()
    ditto.store.registerObserver("SELECT * FROM tasks WHERE _id = :id", mapOf("id" to "a")) { told.complete(it.items.size) }
        .use { same(1, told.await()) }
    same(1, ditto.store.observe("SELECT * FROM tasks").first().items.size)
    ditto.sync.registerSubscription("SELECT * FROM tasks").close()
    same(emptyList<Any>(), ditto.store.observers)
}

private suspend fun transactions(): Unit = DittoFactory.create(config()).use { ditto ->
    val count = ditto.store.transaction { transaction ->
        transaction.execute("INSERT INTO tasks DOCUMENTS ({'_id': 1})")
        refused(Codes.IN_TRANSACTION) { ditto.store["tasks"].upsert(mapOf("_id" to 2)) }
        transaction.execute("SELECT * FROM tasks").items.size
    }
    same(1, count)
    val thrown = runCatching {
        ditto.store.transaction {
            it.execute("DELETE FROM tasks")
            error("on purpose")
        }
    }
    same("on purpose", thrown.exceptionOrNull()?.message)
    coroutineScope {
        val begun = CompletableDeferred<Unit>()
        val cancelled = launch(Dispatchers.Default) {
            ditto.store.transaction {
                it.execute("DELETE FROM tasks")
                begun.complete(Unit)
                CompletableDeferred<Unit>().await()
            }
        }
        begun.await()
        cancelled.cancelAndJoin()
    }
    same(1, ditto.store.execute("SELECT * FROM tasks").items.size)
}
