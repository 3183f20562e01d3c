// The Java runtime: loads the handler, then serves invocations from the Runtime API. The JDK's own classes only, one socket, Java 17 and later.
// The interfaces of com.amazonaws.services.lambda.runtime are the function's own: they are met by reflection.

import java.io.*;
import java.lang.reflect.*;
import java.net.Socket;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.util.*;

public final class Runtime {
    static final String PACKAGE = "com.amazonaws.services.lambda.runtime.";
    static final Map<String, String> ENV = System.getenv();

    private static final String TRUST_STORE = "/etc/ssl/certs/java/cacerts";

    public static void main(String[] arguments) throws Exception {
        Api api = new Api(ENV.get("AWS_LAMBDA_RUNTIME_API"));
        // One pipe for both, so that what is written to one after the other is read so.
        PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
        System.setOut(out);
        System.setErr(out);
        // The sandbox's own trust store: a JDK may bring another one, in which the jar's CA is not.
        if (System.getProperty("javax.net.ssl.trustStore") == null && new File(TRUST_STORE).exists()) {
            System.setProperty("javax.net.ssl.trustStore", TRUST_STORE);
        }
        Handler handler;
        try {
            ClassLoader loader = new URLClassLoader("customer", classPath(arguments[0], arguments[1]), new Shared());
            Thread.currentThread().setContextClassLoader(loader);
            handler = Handler.find(ENV.getOrDefault("_HANDLER", ""), loader);
        } catch (Throwable problem) {
            Throwable cause = bare(problem);
            log(cause);
            api.post("init/error", Errors.json(cause), Errors.type(cause));
            System.exit(1);
            return;
        }
        if ("snap-start".equals(ENV.get("AWS_LAMBDA_INITIALIZATION_TYPE"))) goOnFromSnapshot(api);
        while (true) serve(api, handler);
    }

    /** What functions share with the runtime: the JDK, and the hooks of SnapStart, whatever copy of their interface a function brings. */
    static final class Shared extends ClassLoader {
        Shared() {
            super("shared", ClassLoader.getPlatformClassLoader());
        }

        @Override
        protected Class<?> findClass(String name) throws ClassNotFoundException {
            if (name.startsWith("org.crac.")) return Runtime.class.getClassLoader().loadClass(name);
            throw new ClassNotFoundException(name);
        }
    }

    /** The hooks before, the wait, and the hooks after: a snapshot. */
    static void goOnFromSnapshot(Api api) throws IOException {
        try {
            org.crac.Core.getGlobalContext().beforeCheckpoint(null);
        } catch (Throwable problem) {
            log(problem);
            api.post("init/error", Errors.json(problem), "Runtime.BeforeCheckpointError");
            System.exit(64);
        }
        if (api.request("GET", "restore/next", null, null).status != 200) System.exit(1);
        try {
            org.crac.Core.getGlobalContext().afterRestore(null);
        } catch (Throwable problem) {
            log(problem);
            api.post("restore/error", Errors.json(problem), "Runtime.AfterRestoreError");
            System.exit(64);
        }
    }

    static URL[] classPath(String task, String layers) throws IOException {
        List<URL> found = new ArrayList<>();
        found.add(new File(task).toURI().toURL());
        for (String folder : new String[] {task + "/lib", layers + "/java/lib"}) {
            File[] jars = new File(folder).listFiles((where, name) -> name.endsWith(".jar"));
            if (jars == null) continue;
            Arrays.sort(jars);
            for (File jar : jars) found.add(jar.toURI().toURL());
        }
        return found.toArray(new URL[0]);
    }

    static void serve(Api api, Handler handler) throws IOException {
        Answer next = api.request("GET", "invocation/next", null, null);
        if (next.status != 200) System.exit(1);
        String id = next.headers.get("lambda-runtime-aws-request-id");
        String trace = next.headers.get("lambda-runtime-trace-id");
        if (trace != null) System.setProperty("com.amazonaws.xray.traceHeader", trace);
        byte[] result;
        try {
            result = handler.call(next.body, next.headers);
        } catch (Throwable problem) {
            Throwable cause = bare(problem);
            log(cause);
            api.post("invocation/" + id + "/error", Errors.json(cause), Errors.type(cause));
            // As on AWS, the machine's own failures end it.
            if (cause instanceof VirtualMachineError) System.exit(1);
            return;
        }
        api.request("POST", "invocation/" + id + "/response", result, null);
    }

    static Throwable bare(Throwable problem) {
        Throwable cause = problem;
        while (cause instanceof InvocationTargetException && cause.getCause() != null) cause = cause.getCause();
        return cause;
    }

    static void log(Throwable problem) {
        StringBuilder text = new StringBuilder(problem.getMessage() == null ? "null" : problem.getMessage()).append(": ").append(Errors.type(problem)).append('\n');
        text.append(problem.getClass().getName());
        if (problem.getMessage() != null) text.append(": ").append(problem.getMessage());
        for (String frame : Errors.frames(problem)) text.append("\n\tat ").append(frame);
        System.out.println(text);
    }

    /** A failure of the runtime itself: the class that AWS names, and its words. */
    static final class Fault extends RuntimeException {
        final String type;

        Fault(String type, String message) {
            super(message, null, false, true);
            this.type = type;
            setStackTrace(new StackTraceElement[0]);
        }
    }

    // ---- The Runtime API

    record Answer(int status, Map<String, String> headers, byte[] body) {}

    static final class Api {
        private final String host;
        private final InputStream in;
        private final OutputStream out;

        Api(String address) throws IOException {
            int colon = address.lastIndexOf(':');
            host = address.substring(0, colon);
            Socket socket = new Socket(host, Integer.parseInt(address.substring(colon + 1)));
            socket.setTcpNoDelay(true);
            in = new BufferedInputStream(socket.getInputStream(), 1 << 16);
            out = socket.getOutputStream();
        }

        void post(String path, String body, String type) throws IOException {
            request("POST", path, body.getBytes(StandardCharsets.UTF_8), type);
        }

        Answer request(String method, String path, byte[] body, String errorType) throws IOException {
            StringBuilder head = new StringBuilder(method).append(" /2018-06-01/runtime/").append(path).append(" HTTP/1.1\r\nHost: ").append(host).append("\r\n");
            if (body != null) head.append("Content-Type: application/json\r\nContent-Length: ").append(body.length).append("\r\n");
            if (errorType != null) head.append("Lambda-Runtime-Function-Error-Type: ").append(errorType).append("\r\n");
            byte[] start = head.append("\r\n").toString().getBytes(StandardCharsets.ISO_8859_1);
            byte[] whole = start;
            if (body != null) {
                whole = Arrays.copyOf(start, start.length + body.length);
                System.arraycopy(body, 0, whole, start.length, body.length);
            }
            out.write(whole);
            int status = Integer.parseInt(line().split(" ")[1]);
            Map<String, String> headers = new HashMap<>();
            for (String line = line(); !line.isEmpty(); line = line()) {
                int colon = line.indexOf(':');
                headers.put(line.substring(0, colon).toLowerCase(Locale.ROOT), line.substring(colon + 1).strip());
            }
            return new Answer(status, headers, in.readNBytes(Integer.parseInt(headers.getOrDefault("content-length", "0"))));
        }

        private String line() throws IOException {
            StringBuilder text = new StringBuilder();
            for (int letter = in.read(); letter != '\n'; letter = in.read()) {
                // The sandbox is being ended.
                if (letter < 0) System.exit(1);
                if (letter != '\r') text.append((char) letter);
            }
            return text.toString();
        }
    }

    // ---- The handler

    abstract static class Handler {
        abstract byte[] call(byte[] event, Map<String, String> headers) throws Throwable;

        static Handler find(String name, ClassLoader loader) throws Exception {
            String[] parts = name.split("::", 2);
            Class<?> type;
            try {
                type = Class.forName(parts[0], true, loader);
            } catch (ClassNotFoundException missing) {
                throw new Fault("java.lang.ClassNotFoundException", "Class not found: " + parts[0]);
            }
            Class<?> stream = interfaceNamed(type, PACKAGE + "RequestStreamHandler");
            String method = parts.length > 1 ? parts[1] : "handleRequest";
            if (parts.length == 1 && stream == null && interfaceNamed(type, PACKAGE + "RequestHandler") == null) {
                throw new Fault("java.lang.IllegalArgumentException", "Class " + name + " does not implement an appropriate handler interface");
            }
            Method found = methodOf(type, method);
            found.setAccessible(true);
            Object object = Modifier.isStatic(found.getModifiers()) ? null : instance(type);
            return isStream(found) ? new Streams(object, found, loader) : new Values(object, found, type, loader);
        }

        private static Object instance(Class<?> type) throws Exception {
            try {
                Constructor<?> made = type.getDeclaredConstructor();
                made.setAccessible(true);
                return made.newInstance();
            } catch (NoSuchMethodException none) {
                throw new Fault("java.lang.Exception", "Class " + type.getName() + " has no public zero-argument constructor");
            }
        }

        private static Method methodOf(Class<?> type, String name) {
            // The one with the most parameters, and one with a Context rather than one without, as AWS chooses.
            Method best = null;
            for (Method method : type.getMethods()) {
                if (!method.getName().equals(name) || method.isBridge() || method.isSynthetic()) continue;
                if (best == null || rank(method) > rank(best)) best = method;
            }
            if (best == null) throw new Fault("java.lang.NoSuchMethodException", "No public method named " + name + " with appropriate method signature found on class " + type.getName());
            return best;
        }

        private static int rank(Method method) {
            Class<?>[] types = method.getParameterTypes();
            return types.length * 2 + (types.length > 0 && isContext(types[types.length - 1]) ? 1 : 0);
        }

        static boolean isContext(Class<?> type) {
            return type.getName().equals(PACKAGE + "Context");
        }

        private static boolean isStream(Method method) {
            Class<?>[] types = method.getParameterTypes();
            return types.length >= 1 && types[0] == InputStream.class || types.length >= 2 && types[1] == OutputStream.class;
        }

        private static Class<?> interfaceNamed(Class<?> type, String name) {
            for (Class<?> at = type; at != null; at = at.getSuperclass()) {
                for (Class<?> one : at.getInterfaces()) {
                    if (one.getName().equals(name)) return one;
                    Class<?> above = interfaceNamed(one, name);
                    if (above != null) return above;
                }
            }
            return null;
        }
    }

    /** A handler that reads and writes streams. */
    static final class Streams extends Handler {
        private final Object object;
        private final Method method;
        private final ClassLoader loader;

        Streams(Object object, Method method, ClassLoader loader) {
            this.object = object;
            this.method = method;
            this.loader = loader;
        }

        @Override
        byte[] call(byte[] event, Map<String, String> headers) throws Throwable {
            ByteArrayOutputStream result = new ByteArrayOutputStream();
            Class<?>[] types = method.getParameterTypes();
            Object[] given = new Object[types.length];
            for (int i = 0; i < types.length; i++) {
                if (types[i] == InputStream.class) given[i] = new ByteArrayInputStream(event);
                else if (types[i] == OutputStream.class) given[i] = result;
                else if (isContext(types[i])) given[i] = Contexts.make(types[i], headers, loader);
            }
            method.invoke(object, given);
            return result.toByteArray();
        }
    }

    /** A handler that takes and gives values. */
    static final class Values extends Handler {
        private final Object object;
        private final Method method;
        private final Type input;
        private final ClassLoader loader;

        Values(Object object, Method method, Class<?> owner, ClassLoader loader) {
            this.object = object;
            this.method = method;
            this.loader = loader;
            Class<?>[] types = method.getParameterTypes();
            if (types.length > 2 || types.length == 2 && !isContext(types[1])) {
                throw new Fault("java.lang.NoSuchMethodException", "No public method named " + method.getName() + " with appropriate method signature found on class " + owner.getName());
            }
            input = types.length == 0 || isContext(types[0]) ? null : Json.resolve(method.getGenericParameterTypes()[0], owner, method.getDeclaringClass());
        }

        @Override
        byte[] call(byte[] event, Map<String, String> headers) throws Throwable {
            Class<?>[] types = method.getParameterTypes();
            Object[] given = new Object[types.length];
            for (int i = 0; i < types.length; i++) {
                given[i] = isContext(types[i]) ? Contexts.make(types[i], headers, loader) : value(event);
            }
            Object result = method.invoke(object, given);
            if (method.getReturnType() == void.class) return new byte[0];
            StringBuilder text = new StringBuilder();
            Json.write(result, text);
            return text.toString().getBytes(StandardCharsets.UTF_8);
        }

        private Object value(byte[] event) throws Exception {
            String text = new String(event, StandardCharsets.UTF_8);
            try {
                return Json.bind(Json.read(text), input);
            } catch (IllegalArgumentException problem) {
                String name = input instanceof Class<?> one ? one.getName() : input.getTypeName();
                throw new IllegalArgumentException("An error occurred during JSON parsing: Cannot read " + name + ": " + problem.getMessage());
            }
        }
    }

    // ---- What the handler is given

    static final class Contexts {
        static Object make(Class<?> type, Map<String, String> headers, ClassLoader loader) {
            long deadline = Long.parseLong(headers.getOrDefault("lambda-runtime-deadline-ms", "0"));
            return Proxy.newProxyInstance(loader, new Class<?>[] {type}, (self, method, arguments) -> switch (method.getName()) {
                case "getAwsRequestId" -> headers.get("lambda-runtime-aws-request-id");
                case "getTenantId" -> headers.get("lambda-runtime-aws-tenant-id");
                case "getLogGroupName" -> ENV.get("AWS_LAMBDA_LOG_GROUP_NAME");
                case "getLogStreamName" -> ENV.get("AWS_LAMBDA_LOG_STREAM_NAME");
                case "getFunctionName" -> ENV.get("AWS_LAMBDA_FUNCTION_NAME");
                case "getFunctionVersion" -> ENV.get("AWS_LAMBDA_FUNCTION_VERSION");
                case "getInvokedFunctionArn" -> headers.get("lambda-runtime-invoked-function-arn");
                case "getMemoryLimitInMB" -> Integer.parseInt(ENV.getOrDefault("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"));
                case "getRemainingTimeInMillis" -> (int) (deadline - System.currentTimeMillis());
                case "getLogger" -> logger(method.getReturnType(), loader);
                case "getClientContext" -> client(method.getReturnType(), headers.get("lambda-runtime-client-context"), loader);
                case "getIdentity" -> empty(method.getReturnType(), loader);
                case "hashCode" -> System.identityHashCode(self);
                case "equals" -> self == arguments[0];
                case "toString" -> "LambdaContext@" + headers.get("lambda-runtime-aws-request-id");
                default -> method.isDefault() ? InvocationHandler.invokeDefault(self, method, arguments) : null;
            });
        }

        private static Object logger(Class<?> type, ClassLoader loader) {
            return Proxy.newProxyInstance(loader, new Class<?>[] {type}, (self, method, arguments) -> {
                if (method.getName().equals("log")) {
                    String text = arguments[0] instanceof byte[] bytes ? new String(bytes, StandardCharsets.UTF_8) : String.valueOf(arguments[0]);
                    System.out.print(text.endsWith("\n") ? text : text + "\n");
                    System.out.flush();
                }
                return null;
            });
        }

        private static Object client(Class<?> type, String text, ClassLoader loader) {
            if (text == null) return null;
            Map<?, ?> values = (Map<?, ?>) Json.read(text);
            return Proxy.newProxyInstance(loader, new Class<?>[] {type}, (self, method, arguments) -> switch (method.getName()) {
                case "getCustom" -> values.get("custom");
                case "getEnvironment" -> values.get("env");
                case "getClient" -> client(method.getReturnType(), write(values.get("client")), loader);
                case "getInstallationId" -> values.get("installation_id");
                case "getAppTitle" -> values.get("app_title");
                case "getAppVersionName" -> values.get("app_version_name");
                case "getAppVersionCode" -> values.get("app_version_code");
                case "getAppPackageName" -> values.get("app_package_name");
                default -> null;
            });
        }

        private static String write(Object value) throws Exception {
            if (value == null) return null;
            StringBuilder text = new StringBuilder();
            Json.write(value, text);
            return text.toString();
        }

        private static Object empty(Class<?> type, ClassLoader loader) {
            return Proxy.newProxyInstance(loader, new Class<?>[] {type}, (self, method, arguments) -> method.getReturnType() == String.class ? "" : null);
        }
    }

    // ---- Errors

    static final class Errors {
        static String type(Throwable problem) {
            return problem instanceof Fault fault ? fault.type : problem.getClass().getName();
        }

        static List<String> frames(Throwable problem) {
            List<String> found = new ArrayList<>();
            for (StackTraceElement frame : problem.getStackTrace()) {
                // The runtime's own frames, and those of reflection, are not the function's.
                String name = frame.getClassName();
                if (name.equals("Runtime") || name.startsWith("Runtime$")) break;
                found.add(frame.toString().replaceFirst("^(customer|app|platform)//", "").replaceFirst("^java\\.base/", "java.base/"));
            }
            while (!found.isEmpty() && found.get(found.size() - 1).startsWith("java.base/") && found.get(found.size() - 1).contains("reflect.")) found.remove(found.size() - 1);
            return found;
        }

        static String json(Throwable problem) {
            StringBuilder text = new StringBuilder();
            try {
                Json.write(told(problem, 0), text);
            } catch (Exception never) {
                return "{\"errorType\":\"" + type(problem) + "\"}";
            }
            return text.toString();
        }

        private static Map<String, Object> told(Throwable problem, int depth) {
            Map<String, Object> told = new LinkedHashMap<>();
            if (problem.getMessage() != null) told.put("errorMessage", problem.getMessage());
            told.put("errorType", type(problem));
            List<String> frames = frames(problem);
            if (!(problem instanceof Fault)) told.put("stackTrace", frames);
            if (problem.getCause() != null && depth < 20) told.put("cause", told(problem.getCause(), depth + 1));
            return told;
        }
    }
}
