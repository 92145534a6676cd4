/**
 * A user of an app logs in, as a program: `LoginKt FOLDER SERVER PROVIDER TOKEN…`.
 *
 * It tries one token after another, says what came of each, writes once it is logged in, and logs in with the last token
 * again whenever it is asked to. It ends when its input does.
 */

import com.ditto.kotlin.Ditto
import com.ditto.kotlin.DittoConfig
import com.ditto.kotlin.DittoError
import com.ditto.kotlin.DittoFactory
import java.io.OutputStream
import kotlin.system.exitProcess
import kotlinx.coroutines.runBlocking

fun main(arguments: Array<String>): Unit = runBlocking {
    if (arguments.size < 4) {
        System.err.println("usage: login FOLDER SERVER PROVIDER TOKEN…, as in: login till-7 http://localhost:8080 own secret")
        exitProcess(2)
    }
    val (folder, server, provider) = arguments
    val tokens = arguments.drop(3)
    DittoFactory.create(DittoConfig("", DittoConfig.Connect.Server(server), folder)).use { ditto ->
        tokens.forEach { println(logIn(ditto, it, provider)) }
        ditto.auth.expirationHandler = { asking, _ -> println("again: ${logIn(asking, tokens.last(), provider)}") }
        ditto.startSync()
        println(ditto.store["people"].upsert(mapOf("name" to "Susan")))
        System.`in`.transferTo(OutputStream.nullOutputStream())
    }
}

private suspend fun logIn(ditto: Ditto, token: String, provider: String): String =
    try {
        ditto.auth.login(token, provider)
        "logged in"
    } catch (error: DittoError) {
        error.code()
    }
