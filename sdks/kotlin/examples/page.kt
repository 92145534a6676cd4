/**
 * The page's write, as a program: `PageKt FOLDER SERVER`.
 *
 * It needs no server: what it writes is in the folder when it prints the id, and is synced then or by the next program
 * that opens the folder. It ends when its input does.
 */

import com.ditto.kotlin.DittoConfig
import com.ditto.kotlin.DittoFactory
import java.io.OutputStream
import kotlin.system.exitProcess

fun main(arguments: Array<String>) {
    if (arguments.size != 2) {
        System.err.println("usage: page FOLDER SERVER, as in: page till-7 http://localhost:8080")
        exitProcess(2)
    }
    val (folder, server) = arguments
    DittoFactory.create(DittoConfig("", DittoConfig.Connect.Server(server), folder)).use { ditto ->
        ditto.startSync()

        val docId = ditto.store["people"].upsert(mapOf("name" to "Susan", "age" to 31))

        println(docId)
        System.`in`.transferTo(OutputStream.nullOutputStream())
    }
}
