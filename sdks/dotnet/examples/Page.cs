// The page's write, as a program: `mono Page.exe FOLDER SERVER`.
//
// It needs no server: what it writes is in the folder when it prints the id, and is synced then or by the next program
// that opens the folder. It ends when its input does.

using System;
using System.Collections.Generic;
using DittoSDK;

public static class Page
{
    public static int Main(string[] arguments)
    {
        if (arguments.Length != 2)
        {
            Console.Error.WriteLine("usage: Page.exe FOLDER SERVER, as in: mono Page.exe till-7 http://localhost:8080");
            return 2;
        }
        try
        {
            Write(arguments[0], arguments[1]);
            return 0;
        }
        catch (DittoException error)
        {
            Console.Error.WriteLine("page: " + error.Message);
            return 1;
        }
    }

    private static void Write(string folder, string server)
    {
        var connect = new DittoConfigConnect.Server(new Uri(server));
        using (var ditto = Ditto.Open(new DittoConfig("default", connect, folder)))
        {
            ditto.StartSync();

            var docId = ditto.Store.Collection("people").Upsert(new Dictionary<string, object> { { "name", "Susan" }, { "age", 31 } });
            Console.WriteLine(docId); // "507f191e810c19729de860ea"

            Console.In.ReadToEnd();
        }
    }
}
