/** Runs the tests: each is a function with a name. One JVM is enough for all. */
package com.headwater.kotlin.test

import com.headwater.HeadwaterException
import java.io.File
import java.nio.file.Files
import java.util.concurrent.atomic.AtomicInteger
import kotlin.system.exitProcess
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout

/** A test, and its name. */
typealias Test = Pair<String, suspend () -> Unit>

private val scratch = Files.createTempDirectory("headwater-kotlin").toFile()
private val folders = AtomicInteger()

/** A folder that no peer had. */
fun folder(): File = scratch.resolve(folders.getAndIncrement().toString())

/** Fails unless they are equal. */
fun same(expected: Any?, actual: Any?) = check(expected == actual) { "$actual, not $expected" }

/** Fails unless [run] throws an error of this code. */
inline fun refused(code: String, run: () -> Unit) {
    try {
        run()
    } catch (error: HeadwaterException) {
        return same(code, error.code())
    }
    error("it is not $code")
}

fun main() {
    val failed = (flowTests + compatTests + nameTests).filterNot { (name, test) -> passes(name, test) }
    scratch.deleteRecursively()
    println("${failed.size} failed")
    exitProcess(if (failed.isEmpty()) 0 else 1)
}

private fun passes(name: String, test: suspend () -> Unit): Boolean = try {
    runBlocking { withTimeout(20.seconds) { test() } }
    true
} catch (error: Throwable) {
    println("FAILED $name")
    error.printStackTrace(System.out)
    false
}
