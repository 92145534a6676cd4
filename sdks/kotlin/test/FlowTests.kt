/** What suspends and what flows, by our own names. */
package com.headwater.kotlin.test

import com.headwater.Codes
import com.headwater.Config
import com.headwater.Headwater
import com.headwater.HeadwaterException
import com.headwater.internal.Port
import com.headwater.kotlin.awaitCommitted
import com.headwater.kotlin.awaitDocuments
import com.headwater.kotlin.awaitExecute
import com.headwater.kotlin.awaitFindById
import com.headwater.kotlin.awaitFlushed
import com.headwater.kotlin.awaitUpsert
import com.headwater.kotlin.flow
import com.headwater.kotlin.stateFlow
import kotlin.time.Duration.Companion.milliseconds
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.catch
import kotlinx.coroutines.flow.collect
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.flow.transformWhile
import kotlinx.coroutines.launch
import kotlinx.coroutines.yield

private const val FLOWS = 1_000

val flowTests: List<Test> = listOf(
    "what suspends gives what the call gives" to ::whatSuspends,
    "a flow begins with what is so, and goes on with the newest" to ::currentResultFirst,
    "what comes while a collector is busy is told once" to ::conflated,
    "a cancelled collector leaves no watch" to ::cancelled,
    "a flow that cannot be had throws" to ::failing,
    "a flow ends when the peer is closed" to ::closed,
    "what a collector throws ends its watch alone" to ::throwing,
    "who waits is cancelled at once" to ::waiting,
)

private fun open() = Headwater.open(Config(folder().toPath()).relaxed(true))

/** How many watches a peer has. */
private fun watches(headwater: Headwater): Int {
    val port = Headwater::class.java.getDeclaredField("port")
    port.isAccessible = true
    return (port.get(headwater) as Port).watches()
}

private suspend fun awaitWatches(headwater: Headwater, count: Int) {
    while (watches(headwater) != count) yield()
}

private suspend fun whatSuspends(): Unit = open().use { headwater ->
    val people = headwater.store().collection("people")
    same("susan", people.awaitUpsert(mapOf("_id" to "susan", "age" to 31, "none" to null)).id())
    same(31L, people.awaitFindById("susan")?.get("age"))
    same(null, people.awaitFindById("nobody"))
    same(1, people.find("age > 30").awaitDocuments().size)
    same(1L, headwater.store().awaitExecute("SELECT COUNT(*) AS n FROM people").items()[0]["n"])
    refused(Codes.INVALID_QUERY) { headwater.store().awaitExecute("SELECT") }
    refused(Codes.TIMED_OUT) { headwater.sync().awaitFlushed(1.milliseconds) }
    refused(Codes.TIMED_OUT) { people.awaitUpsert(mapOf("age" to 1)).awaitCommitted(1.milliseconds) }
}

private suspend fun currentResultFirst(): Unit = open().use { headwater ->
    val people = headwater.store().collection("people")
    people.awaitUpsert(mapOf("_id" to 1))
    same(1, headwater.store().flow("SELECT * FROM people").first().size)
    same("stopped", headwater.sync().stateFlow().first())
    val seen = people.find().flow().transformWhile { documents ->
        emit(documents.size)
        if (documents.size < 3) people.awaitUpsert(mapOf("_id" to documents.size + 1))
        documents.size < 3
    }.toList()
    same(listOf(1, 2, 3), seen.distinct())
}

private suspend fun conflated(): Unit = open().use { headwater ->
    val people = headwater.store().collection("people")
    var told = 0
    headwater.store().flow("SELECT * FROM people").transformWhile { items ->
        told++
        if (items.isEmpty()) repeat(100) { people.awaitUpsert(mapOf("_id" to it)) }
        if (items.size == 100) emit(items)
        items.size < 100
    }.collect { same(100, it.size) }
    check(told < 50) { "$told of 100 changes" }
}

private suspend fun cancelled(): Unit = open().use { headwater ->
    repeat(FLOWS) { headwater.store().flow("SELECT * FROM people").first() }
    same(0, watches(headwater))
    coroutineScope {
        val begun = CompletableDeferred<Unit>()
        val collecting = launch(Dispatchers.Default) {
            headwater.store().flow("SELECT * FROM people").collect { begun.complete(Unit) }
        }
        begun.await()
        same(1, watches(headwater))
        collecting.cancelAndJoin()
        awaitWatches(headwater, 0)
    }
}

private suspend fun failing(): Unit = open().use { headwater ->
    refused(Codes.INVALID_QUERY) { headwater.store().flow("SELECT").collect() }
    var caught: Throwable? = null
    headwater.store().flow("SELECT").catch { caught = it }.collect()
    same(Codes.INVALID_QUERY, (caught as HeadwaterException).code())
}

private suspend fun closed(): Unit = coroutineScope {
    val headwater = open()
    val begun = CompletableDeferred<Unit>()
    val collecting = async(Dispatchers.Default) {
        headwater.store().flow("SELECT * FROM people").collect { begun.complete(Unit) }
        "ended"
    }
    begun.await()
    headwater.close()
    same("ended", collecting.await())
    refused(Codes.CLOSED) { headwater.store().flow("SELECT * FROM people").collect() }
    refused(Codes.CLOSED) { headwater.store().awaitExecute("SELECT * FROM people") }
}

private suspend fun throwing(): Unit = open().use { headwater ->
    val thrown = runCatching { headwater.store().flow("SELECT * FROM people").collect { error("on purpose") } }
    same("on purpose", thrown.exceptionOrNull()?.message)
    awaitWatches(headwater, 0)
    same(0, headwater.store().flow("SELECT * FROM people").first().size)
}

private suspend fun waiting(): Unit = open().use { headwater ->
    headwater.store().collection("people").awaitUpsert(mapOf("_id" to 1))
    coroutineScope {
        val waiting = launch(Dispatchers.Default) { headwater.sync().awaitFlushed() }
        waiting.cancelAndJoin()
        check(waiting.isCancelled) { "it was cancelled" }
    }
}
