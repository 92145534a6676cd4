// Tokens, by the vendor's names. A token is a key of the server.
//
// Not here: providers; the server knows keys alone.

using System;
using System.Threading.Tasks;
using Headwater;

namespace DittoSDK
{
    /// <summary>Providers of tokens; every one is the same here.</summary>
    public static class DittoAuthenticationProvider
    {
        /// <summary>The provider of tokens for development.</summary>
        public const string Development = "__playgroundProvider";
    }

    /// <summary>Whether the server has taken the token.</summary>
    public struct DittoAuthenticationStatus
    {
        internal DittoAuthenticationStatus(bool isAuthenticated)
        {
            IsAuthenticated = isAuthenticated;
        }

        /// <summary>Whether it has.</summary>
        public bool IsAuthenticated { get; }

        /// <summary>Always null: the server knows keys, no users.</summary>
        public string UserId => null;
    }

    /// <summary>Gives the server tokens.</summary>
    public sealed class DittoAuthenticator
    {
        private readonly Port port;
        private readonly Ditto ditto;
        private Func<Ditto, double, Task> expirationHandler;
        private Watch asked;

        internal DittoAuthenticator(Port port, Ditto ditto, bool hasServer)
        {
            this.port = port;
            this.ditto = ditto;
            LoginSupported = hasServer;
        }

        /// <summary>Whether there is a server to log in to.</summary>
        public bool LoginSupported { get; }

        /// <summary>Whether the server has taken the token, as far as ObserveStatus has told.</summary>
        public DittoAuthenticationStatus Status { get; private set; }

        /// <summary>Is called whenever the server does not take the token, and a minute before that ends.</summary>
        public Func<Ditto, double, Task> ExpirationHandler
        {
            get => expirationHandler;
            set
            {
                expirationHandler = value;
                Ask(value == null ? (Action)null : () => Callbacks.Observe(value(ditto, 0)));
            }
        }

        /// <summary>Gives the server a key.</summary>
        public Task LoginAsync(string token, string provider = DittoAuthenticationProvider.Development)
        {
            return port.CallAsync(Message.Call("authenticate").With("token", token));
        }

        /// <summary>The same; a function is called with what the server says of the client, which is null, and an error or
        /// null.</summary>
        public void Login(string token, string provider, Action<string, DittoException> callback)
        {
            Callbacks.Observe(LoginAndTell(token, provider, callback));
        }

        /// <summary>The older name.</summary>
        public void LoginWithToken(string token, string provider, Action<DittoException> callback = null)
        {
            Login(token, provider, (_, error) => callback?.Invoke(error));
        }

        /// <summary>Ends sync. What is here stays, unless a function evicts it.</summary>
        public void Logout(Action<Ditto> cleanup = null)
        {
            ditto.StopSync();
            cleanup?.Invoke(ditto);
        }

        /// <summary>Calls a function with whether the server has taken the token, now and whenever that changes.</summary>
        public DittoObserver ObserveStatus(Action<DittoAuthenticationStatus> callback)
        {
            bool? known = null;
            var watch = new Watch(port, message =>
            {
                var isAuthenticated = DittoPresence.IsConnected(message);
                if (isAuthenticated != known)
                {
                    known = isAuthenticated;
                    Status = new DittoAuthenticationStatus(isAuthenticated);
                    callback(Status);
                }
            });
            return new DittoObserver(watch.Start(Message.Watch("state")));
        }

        /// <summary>Who is asked for a token, in the place of who was.</summary>
        internal void Ask(Action handler)
        {
            asked?.Cancel();
            asked = handler == null ? null : new Watch(port, _ => handler()).Start(Message.Watch("token"));
        }

        private async Task LoginAndTell(string token, string provider, Action<string, DittoException> callback)
        {
            DittoException fault = null;
            try
            {
                await LoginAsync(token, provider).ConfigureAwait(false);
            }
            catch (DittoException error)
            {
                fault = error;
            }
            callback?.Invoke(null, fault);
        }
    }
}
