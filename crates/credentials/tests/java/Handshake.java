import java.io.FileInputStream;
import java.security.KeyStore;
import javax.net.ssl.*;

/** What Kafka's Java clients do with the two stores: `Handshake STORE_TYPE PROTOCOL PORT` and, on standard input, files and passwords. */
class Handshake {
    public static void main(String[] arguments) throws Exception {
        var input = new java.util.Scanner(System.in);
        var trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store(arguments[0], input.nextLine(), input.nextLine()));
        var keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        var keystore = input.nextLine();
        var password = input.nextLine();
        keys.init(store(arguments[0], keystore, password), password.toCharArray());

        var context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
        try (var socket = (SSLSocket) context.getSocketFactory().createSocket("localhost", Integer.parseInt(arguments[2]))) {
            var parameters = socket.getSSLParameters();
            parameters.setEndpointIdentificationAlgorithm("https");
            parameters.setProtocols(new String[] {arguments[1]});
            socket.setSSLParameters(parameters);
            socket.getOutputStream().write('c');
            System.out.println(socket.getSession().getProtocol() + " " + socket.getSession().getCipherSuite() + " " + (char) socket.getInputStream().read());
        }
    }

    private static KeyStore store(String type, String file, String password) throws Exception {
        var store = KeyStore.getInstance(type);
        try (var stream = new FileInputStream(file)) {
            store.load(stream, password.toCharArray());
        }
        return store;
    }
}
