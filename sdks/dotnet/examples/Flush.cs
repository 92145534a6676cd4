// What waits in a folder, sent to the server: `mono Flush.exe FOLDER SERVER` prints the transaction that it became there.

using System;
using System.Threading.Tasks;
using Headwater;

public static class Flush
{
    /// <summary>How long the server is waited for.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public static int Main(string[] arguments)
    {
        if (arguments.Length != 2)
        {
            Console.Error.WriteLine("usage: Flush.exe FOLDER SERVER, as in: mono Flush.exe till-7 http://localhost:8080");
            return 2;
        }
        try
        {
            Console.WriteLine(FlushAsync(arguments[0], arguments[1]).GetAwaiter().GetResult());
            return 0;
        }
        catch (HeadwaterException error)
        {
            Console.Error.WriteLine("flush: " + error.Message);
            return 1;
        }
    }

    private static async Task<long?> FlushAsync(string folder, string server)
    {
        using (var peer = HeadwaterPeer.Open(new HeadwaterConfig { Dir = folder, Server = server }))
        {
            await peer.StartSyncAsync();
            return await peer.Sync.FlushedAsync(Patience);
        }
    }
}
