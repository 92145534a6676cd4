// A user of an app logs in, as a program: `mono Login.exe FOLDER SERVER PROVIDER TOKEN…`.
//
// It tries one token after another, says what came of each, writes once it is logged in, and logs in with the last token
// again whenever it is asked to. It ends when its input does.

using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading.Tasks;
using DittoSDK;

public static class Login
{
    public static int Main(string[] arguments)
    {
        if (arguments.Length < 4)
        {
            Console.Error.WriteLine("usage: Login.exe FOLDER SERVER PROVIDER TOKEN…, as in: mono Login.exe till-7 http://localhost:8080 own secret");
            return 2;
        }
        RunAsync(arguments[0], arguments[1], arguments[2], arguments.Skip(3).ToList()).GetAwaiter().GetResult();
        return 0;
    }

    private static async Task RunAsync(string folder, string server, string provider, List<string> tokens)
    {
        var connect = new DittoConfigConnect.Server(new Uri(server));
        using (var ditto = Ditto.Open(new DittoConfig("default", connect, folder)))
        {
            foreach (var token in tokens)
            {
                Console.WriteLine(await LogInAsync(ditto, token, provider));
            }
            ditto.Auth.ExpirationHandler = async (asking, secondsRemaining) =>
            {
                Console.WriteLine("again: " + await LogInAsync(asking, tokens.Last(), provider));
            };
            ditto.StartSync();
            Console.WriteLine(ditto.Store.Collection("people").Upsert(new Dictionary<string, object> { { "name", "Susan" } }));
            Console.In.ReadToEnd();
        }
    }

    private static async Task<string> LogInAsync(Ditto ditto, string token, string provider)
    {
        try
        {
            await ditto.Auth.LoginAsync(token, provider);
            return "logged in";
        }
        catch (DittoException error)
        {
            return error.Code;
        }
    }
}
