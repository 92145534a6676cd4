/**
 * The driver of the conformance vectors for Kotlin (`sdks/conformance/README.md`): `VectorsKt FOLDER`. It runs those that ask
 * by what Kotlin adds, the functions that suspend; the others are messages, and Java's driver runs them.
 *
 * Invariant: what is not run is counted as not run.
 */
package com.headwater.kotlin.test

import com.headwater.Config
import com.headwater.Find
import com.headwater.Headwater
import com.headwater.HeadwaterException
import com.headwater.internal.JsonReader
import com.headwater.internal.Names
import com.headwater.kotlin.awaitDocuments
import com.headwater.kotlin.awaitExecute
import com.headwater.kotlin.awaitUpsert
import java.io.File
import java.nio.file.Files
import kotlin.system.exitProcess

private typealias Json = Map<String, Any?>

suspend fun main(arguments: Array<String>) {
    val scratch = Files.createTempDirectory("headwater-kotlin-vectors").toFile()
    val files = File(arguments[0]).walk().filter { it.extension == "json" }.sorted()
    var passed = 0
    var failed = 0
    for (file in files) {
        val body = JsonReader.read(file.readText()).json()
        val cases = body.list("cases")
        if (body["kind"] != "queries") {
            println("${file.parentFile.name}: ${cases.size} of ${body["kind"]} not run")
            continue
        }
        val faults = run(body, cases, scratch.resolve(file.name))
        faults.forEach { println("FAILED ${file.parentFile.name}/${file.nameWithoutExtension}: $it") }
        passed += cases.size - faults.size
        failed += faults.size
    }
    scratch.deleteRecursively()
    println("$passed passed, $failed failed")
    exitProcess(if (failed == 0) 0 else 1)
}

/** Does every case of a file: what went wrong. */
private suspend fun run(body: Json, cases: List<Json>, folder: File): List<String> =
    Headwater.open(Config(folder.toPath())).use { headwater ->
        for ((collection, documents) in body["documents"].json()) {
            (documents as List<*>).forEach { headwater.store().collection(collection).awaitUpsert(it.json()) }
        }
        cases.mapNotNull { case ->
            val fault = runCatching { Names().compare(case["gives"], answer(headwater, case["call"].json())) }
            fault.exceptionOrNull()?.let { "${case["name"]}: ${it.message}" }
        }
    }

private suspend fun answer(headwater: Headwater, call: Json): Json = try {
    if (call["call"] == "execute") {
        val executed = headwater.store().awaitExecute(call["statement"] as String, call["args"]?.json())
        mapOf("items" to executed.items(), "mutated" to executed.mutatedDocumentIds())
    } else {
        mapOf("documents" to find(headwater, call).awaitDocuments())
    }
} catch (error: HeadwaterException) {
    mapOf("error" to mapOf("code" to error.code(), "message" to error.message))
}

private fun find(headwater: Headwater, call: Json): Find {
    val collection = headwater.store().collection(call["collection"] as String)
    var find = collection.find(call["query"] as String, call["args"]?.json())
    if ("sort" in call) {
        for (sort in call.list("sort")) {
            val path = sort["path"] as String
            find = if (sort["descending"] == true) find.sortDescending(path) else find.sort(path)
        }
    }
    (call["offset"] as Long?)?.let { find = find.offset(it) }
    (call["limit"] as Long?)?.let { find = find.limit(it) }
    return find
}

@Suppress("UNCHECKED_CAST")
private fun Any?.json() = this as Json

@Suppress("UNCHECKED_CAST")
private fun Json.list(name: String) = this[name] as List<Json>
