// Logging in, by the vendor's names. With a provider the server asks the app's login hook; with the one for development the
// token is a key of the server.
//
// Not here: who asks the server (the library).

using System;
using System.Collections.Generic;
using System.Threading.Tasks;
using Headwater;

namespace DittoSDK
{
    /// <summary>Providers of tokens; others are the app's own.</summary>
    public static class DittoAuthenticationProvider
    {
        /// <summary>The provider of tokens for development: keys of the server.</summary>
        public const string Development = "__playgroundProvider";
    }

    /// <summary>Whether the server has taken the token.</summary>
    public struct DittoAuthenticationStatus
    {
        internal DittoAuthenticationStatus(bool isAuthenticated, string userId)
        {
            IsAuthenticated = isAuthenticated;
            UserId = userId;
        }

        /// <summary>Whether it has.</summary>
        public bool IsAuthenticated { get; }

        /// <summary>Who has logged in, as the app's login hook says; null where a key was given.</summary>
        public string UserId { get; }
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

        /// <summary>
        /// Is called whenever the server does not take the token, and a minute before that ends, with the seconds that are
        /// left, and logs in: there is no refresh token. Where it does not, it is called again later.
        /// </summary>
        public Func<Ditto, double, Task> ExpirationHandler
        {
            get => expirationHandler;
            set
            {
                expirationHandler = value;
                Ask(value == null ? (Action<double>)null : seconds => Callbacks.Observe(value(ditto, seconds)));
            }
        }

        /// <summary>Logs in with what a provider gave; with the one for development it is a key of the server.</summary>
        /// <exception cref="DittoException">rejected, timed_out, no_server</exception>
        public async Task LoginAsync(string token, string provider = DittoAuthenticationProvider.Development)
        {
            if (provider == DittoAuthenticationProvider.Development)
            {
                await port.CallAsync(Message.Call("authenticate").With("token", token)).ConfigureAwait(false);
                return;
            }
            var login = Message.Call("login").With("token", token).With("provider", provider);
            var answer = await port.CallAsync(login).ConfigureAwait(false);
            Status = new DittoAuthenticationStatus(Status.IsAuthenticated, (string)answer["userId"]);
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
                    Status = new DittoAuthenticationStatus(isAuthenticated, Status.UserId);
                    callback(Status);
                }
            });
            return new DittoObserver(watch.Start(Message.Watch("state")));
        }

        /// <summary>Who is asked for a token, in the place of who was.</summary>
        internal void Ask(Action<double> handler)
        {
            asked?.Cancel();
            asked = handler == null
                ? null : new Watch(port, it => handler(SecondsLeft(it))).Start(Message.Watch("token"));
        }

        /// <summary>Until the token ends; 0 where the server does not take it.</summary>
        private static double SecondsLeft(Dictionary<string, object> message)
        {
            return message.TryGetValue("remaining_ms", out var left) ? (long)left / 1000.0 : 0;
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
