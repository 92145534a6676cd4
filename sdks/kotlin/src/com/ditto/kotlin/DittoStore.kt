/**
 * Statements, observers and transactions, by the vendor's names for Kotlin.
 *
 * Invariant: what suspends stops waiting when it is cancelled.
 */
package com.ditto.kotlin

import com.headwater.kotlin.asFlow
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.future.await
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext
import live.ditto.DittoStore as JavaStore
import live.ditto.DittoTransaction as JavaTransaction

/** The documents of a peer. Everything of the legacy language is done, and durable, when it returns. */
class DittoStore internal constructor(private val java: JavaStore) {
    /** A collection: `store["people"]`. */
    operator fun get(collection: String): DittoCollection = java.collection(collection)

    /** The same. */
    fun collection(name: String): DittoCollection = java.collection(name)

    /** The names of the collections that have documents. */
    fun collectionNames(): List<String> = java.collectionNames()

    /** Those who were registered and have not ended. */
    val observers: List<DittoStoreObserver> get() = java.observers

    /** Runs a statement of DQL; [arguments]: what `:name` stands for. */
    suspend fun execute(query: String, arguments: Map<String, Any?>? = null): DittoQueryResult =
        java.execute(query, arguments).await()

    /** Calls [handler] with what a SELECT gives now, and again whenever that may be something else. */
    fun registerObserver(
        query: String,
        arguments: Map<String, Any?>? = null,
        handler: (DittoQueryResult) -> Unit,
    ): DittoStoreObserver = java.registerObserver(query, arguments, handler)

    /** The same as a flow: the current result first, then the newest; it ends when the peer is closed. */
    fun observe(query: String, arguments: Map<String, Any?>? = null): Flow<DittoQueryResult> =
        java.observe(query, arguments).asFlow()

    /** What [block] does with the collections of what it is given is one transaction: what was written. */
    fun write(block: (DittoWriteTransaction) -> Unit): List<DittoWriteTransactionResult> = java.write(block)

    /** The statements that [block] executes are one transaction; if it throws or is cancelled, nothing was done. */
    suspend fun <T> transaction(block: suspend (DittoTransaction) -> T): T {
        val job = currentCoroutineContext()[Job] ?: Job()
        return withContext(Dispatchers.IO) {
            java.transaction { transaction -> runBlocking(job) { block(DittoTransaction(transaction)) } }.await()
        }
    }
}

/** Executes statements in a transaction. */
class DittoTransaction internal constructor(private val java: JavaTransaction) {
    /** Runs a statement of DQL; [arguments]: what `:name` stands for. */
    suspend fun execute(query: String, arguments: Map<String, Any?>? = null): DittoQueryResult =
        java.execute(query, arguments).await()
}
