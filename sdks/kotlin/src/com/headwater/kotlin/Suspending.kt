/**
 * The calls that wait, as functions that suspend. What is not here is Java's own: `com.headwater`.
 *
 * Invariant: who is cancelled stops waiting; what was begun is done all the same.
 */
package com.headwater.kotlin

import com.headwater.Collection
import com.headwater.Executed
import com.headwater.Find
import com.headwater.Login
import com.headwater.Store
import com.headwater.Sync
import com.headwater.Written
import java.util.OptionalLong
import kotlin.time.Duration
import kotlin.time.toJavaDuration
import kotlinx.coroutines.future.await

/** Runs a statement of DQL; [args]: what `:name` stands for. */
suspend fun Store.awaitExecute(statement: String, args: Map<String, Any?>? = null): Executed =
    executeAsync(statement, args).await()

/** Merges an object into the document that its `_id` names, or makes a new one. */
suspend fun Collection.awaitUpsert(value: Map<String, Any?>): Written = upsertAsync(value).await()

/** The document with its `_id`, or null. */
suspend fun Collection.awaitFindById(id: Any): Map<String, Any?>? = findByIdAsync(id).await()

/** The documents, each with its `_id`. */
suspend fun Find.awaitDocuments(): List<Map<String, Any?>> = documentsAsync().await()

/** Waits until the server has it, for ever without a [timeout]: the id of its transaction there, if one is known. */
suspend fun Written.awaitCommitted(timeout: Duration? = null): Long? =
    committedAsync(timeout?.toJavaDuration()).await().orNull()

/** Waits until the server has said of everything that is pending whether it takes it. */
suspend fun Sync.awaitFlushed(timeout: Duration? = null): Long? = flushedAsync(timeout?.toJavaDuration()).await().orNull()

/** Logs in with what a provider gave: the server asks the app's login hook, and its token is used from then on. */
suspend fun Sync.awaitLogin(token: String, provider: String): Login = loginAsync(token, provider).await()

private fun OptionalLong.orNull(): Long? = if (isPresent) asLong else null
