// JSON for the Java runtime: what Jackson does for Lambda's events, in the small.

import java.lang.reflect.*;
import java.util.*;

/** JSON, and values of a function's own classes from it and to it. */
final class Json {
    private final String text;
    private int at;

    private Json(String text) {
        this.text = text;
    }

    static Object read(String text) {
        Json reader = new Json(text);
        Object value = reader.value(0);
        reader.space();
        if (reader.at != text.length()) throw new IllegalArgumentException("unexpected text at " + reader.at);
        return value;
    }

    private void space() {
        while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) at++;
    }

    private char peek() {
        space();
        if (at >= text.length()) throw new IllegalArgumentException("unexpected end of the document");
        return text.charAt(at);
    }

    private Object value(int depth) {
        if (depth > 1000) throw new IllegalArgumentException("nested too deeply");
        char letter = peek();
        if (letter == '{') {
            Map<String, Object> map = new LinkedHashMap<>();
            at++;
            if (peek() == '}') { at++; return map; }
            do {
                if (peek() != '"') throw new IllegalArgumentException("a name was expected at " + at);
                String name = string();
                if (peek() != ':') throw new IllegalArgumentException("':' was expected at " + at);
                at++;
                map.put(name, value(depth + 1));
            } while (more('}'));
            return map;
        }
        if (letter == '[') {
            List<Object> list = new ArrayList<>();
            at++;
            if (peek() == ']') { at++; return list; }
            do list.add(value(depth + 1)); while (more(']'));
            return list;
        }
        if (letter == '"') return string();
        int start = at;
        while (at < text.length() && ",]} \t\r\n".indexOf(text.charAt(at)) < 0) at++;
        String word = text.substring(start, at);
        switch (word) {
            case "true": return true;
            case "false": return false;
            case "null": return null;
            default:
        }
        if (word.matches("-?\\d+")) {
            if (word.length() < 10) return Integer.valueOf(word);
            java.math.BigInteger number = new java.math.BigInteger(word);
            if (number.bitLength() < 32) return number.intValue();
            return number.bitLength() < 64 ? (Object) number.longValue() : number;
        }
        try {
            return Double.valueOf(word);
        } catch (NumberFormatException none) {
            throw new IllegalArgumentException("unexpected text at " + start);
        }
    }

    private boolean more(char end) {
        char letter = peek();
        at++;
        if (letter == ',') return true;
        if (letter == end) return false;
        throw new IllegalArgumentException("'" + end + "' was expected at " + (at - 1));
    }

    private String string() {
        StringBuilder result = new StringBuilder();
        for (at++; ; at++) {
            if (at >= text.length()) throw new IllegalArgumentException("a string has no end");
            char letter = text.charAt(at);
            if (letter == '"') break;
            if (letter != '\\') { result.append(letter); continue; }
            letter = text.charAt(++at);
            int known = "bfnrt".indexOf(letter);
            if (known >= 0) result.append("\b\f\n\r\t".charAt(known));
            else if (letter == 'u') { result.append((char) Integer.parseInt(text.substring(at + 1, at + 5), 16)); at += 4; }
            else result.append(letter);
        }
        at++;
        return result.toString();
    }

    // What a type variable of RequestHandler<I, O> stands for in the handler's class.
    static Type resolve(Type type, Class<?> owner, Class<?> declaring) {
        if (!(type instanceof TypeVariable<?> variable)) return type;
        for (Class<?> one = owner; one != null && one != Object.class; one = one.getSuperclass()) {
            List<Type> above = new ArrayList<>(Arrays.asList(one.getGenericInterfaces()));
            if (one.getGenericSuperclass() != null) above.add(one.getGenericSuperclass());
            for (Type candidate : above) {
                if (!(candidate instanceof ParameterizedType made) || made.getRawType() != variable.getGenericDeclaration()) continue;
                TypeVariable<?>[] names = ((Class<?>) made.getRawType()).getTypeParameters();
                for (int i = 0; i < names.length; i++) if (names[i].equals(variable)) return resolve(made.getActualTypeArguments()[i], owner, declaring);
            }
        }
        return Object.class;
    }

    /** A value of the wanted type, as Jackson would make it: maps, lists, plain values, and objects by their setters and fields. */
    @SuppressWarnings({"unchecked", "rawtypes"})
    static Object bind(Object value, Type wanted) throws Exception {
        Class<?> type = raw(wanted);
        if (value == null) return type.isPrimitive() ? zero(type) : null;
        if (type == Object.class) return value;
        if (type == String.class) {
            if (value instanceof Map || value instanceof List) throw new IllegalArgumentException("a string was expected");
            return value.toString();
        }
        if (type == boolean.class || type == Boolean.class) return value instanceof Boolean ? value : Boolean.valueOf(value.toString());
        if (type == char.class || type == Character.class) return value.toString().charAt(0);
        if (type.isPrimitive() || Number.class.isAssignableFrom(type)) return number(value, type);
        if (type.isEnum()) return Enum.valueOf((Class<Enum>) type, value.toString());
        if (type == java.nio.ByteBuffer.class) return java.nio.ByteBuffer.wrap(Base64.getDecoder().decode(value.toString()));
        if (type == byte[].class) return Base64.getDecoder().decode(value.toString());
        if (type == Date.class && value instanceof Number millis) return new Date(millis.longValue());
        if (type == java.time.Instant.class) return java.time.Instant.parse(value.toString());
        if (type == UUID.class) return UUID.fromString(value.toString());
        if (type == Optional.class) return Optional.ofNullable(bind(value, argument(wanted, 0)));
        if (type.isArray()) {
            List<?> list = listOf(value);
            Object array = Array.newInstance(type.getComponentType(), list.size());
            for (int i = 0; i < list.size(); i++) Array.set(array, i, bind(list.get(i), type.getComponentType()));
            return array;
        }
        if (Collection.class.isAssignableFrom(type) || type == Iterable.class) {
            Collection<Object> made = type.isInterface() ? (Set.class.isAssignableFrom(type) ? new LinkedHashSet<>() : new ArrayList<>()) : (Collection<Object>) type.getDeclaredConstructor().newInstance();
            for (Object one : listOf(value)) made.add(bind(one, argument(wanted, 0)));
            return made;
        }
        if (!(value instanceof Map)) throw new IllegalArgumentException("an object was expected for " + type.getName());
        Map<String, Object> map = (Map<String, Object>) value;
        if (Map.class.isAssignableFrom(type)) {
            Map<Object, Object> made = type.isInterface() ? new LinkedHashMap<>() : (Map<Object, Object>) type.getDeclaredConstructor().newInstance();
            for (Map.Entry<String, Object> entry : map.entrySet()) made.put(bind(entry.getKey(), argument(wanted, 0)), bind(entry.getValue(), argument(wanted, 1)));
            return made;
        }
        return type.isRecord() ? makeRecord(type, map) : makeObject(type, map);
    }

    private static Object makeRecord(Class<?> type, Map<String, Object> map) throws Exception {
        RecordComponent[] parts = type.getRecordComponents();
        Class<?>[] types = new Class<?>[parts.length];
        Object[] values = new Object[parts.length];
        for (int i = 0; i < parts.length; i++) {
            types[i] = parts[i].getType();
            values[i] = bind(map.get(parts[i].getName()), parts[i].getGenericType());
        }
        Constructor<?> made = type.getDeclaredConstructor(types);
        made.setAccessible(true);
        return made.newInstance(values);
    }

    private static Object makeObject(Class<?> type, Map<String, Object> map) throws Exception {
        Constructor<?> constructor = type.getDeclaredConstructor();
        constructor.setAccessible(true);
        Object made = constructor.newInstance();
        // Without regard to case: AWS's own event classes say getRecords, and their events say "Records".
        Map<String, Object> values = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
        values.putAll(map);
        for (Method method : type.getMethods()) {
            if (method.getName().length() < 4 || !method.getName().startsWith("set") || method.getParameterCount() != 1) continue;
            String name = method.getName().substring(3);
            if (values.containsKey(name)) {
                method.setAccessible(true);
                method.invoke(made, bind(values.remove(name), method.getGenericParameterTypes()[0]));
            }
        }
        for (Field field : type.getFields()) {
            if (values.containsKey(field.getName()) && !Modifier.isFinal(field.getModifiers()) && !Modifier.isStatic(field.getModifiers())) {
                field.setAccessible(true);
                field.set(made, bind(values.get(field.getName()), field.getGenericType()));
            }
        }
        return made;
    }

    private static Class<?> raw(Type type) {
        if (type instanceof Class<?> one) return one;
        if (type instanceof ParameterizedType made) return (Class<?>) made.getRawType();
        if (type instanceof WildcardType wild) return raw(wild.getUpperBounds()[0]);
        if (type instanceof GenericArrayType array) return Array.newInstance(raw(array.getGenericComponentType()), 0).getClass();
        return Object.class;
    }

    private static Type argument(Type type, int index) {
        return type instanceof ParameterizedType made && made.getActualTypeArguments().length > index ? made.getActualTypeArguments()[index] : Object.class;
    }

    private static List<?> listOf(Object value) {
        if (value instanceof List<?> list) return list;
        throw new IllegalArgumentException("a list was expected");
    }

    private static Object zero(Class<?> type) {
        return Array.get(Array.newInstance(type, 1), 0);
    }

    private static Object number(Object value, Class<?> type) {
        java.math.BigDecimal number;
        try {
            number = new java.math.BigDecimal(value.toString());
        } catch (NumberFormatException none) {
            throw new IllegalArgumentException("a number was expected, not \"" + value + "\"");
        }
        if (type == int.class || type == Integer.class) return number.intValue();
        if (type == long.class || type == Long.class) return number.longValue();
        if (type == double.class || type == Double.class) return number.doubleValue();
        if (type == float.class || type == Float.class) return number.floatValue();
        if (type == short.class || type == Short.class) return number.shortValue();
        if (type == byte.class || type == Byte.class) return number.byteValue();
        if (type == java.math.BigInteger.class) return number.toBigInteger();
        return type == Number.class ? value : number;
    }

    static void write(Object value, StringBuilder text) throws Exception {
        if (value == null) text.append("null");
        else if (value instanceof CharSequence || value instanceof Character || value instanceof Enum || value instanceof UUID || value instanceof java.time.temporal.Temporal) quote(value.toString(), text);
        else if (value instanceof Boolean || value instanceof Number) text.append(value);
        else if (value instanceof Date date) text.append(date.getTime());
        else if (value instanceof byte[] bytes) quote(Base64.getEncoder().encodeToString(bytes), text);
        else if (value instanceof Optional<?> optional) write(optional.orElse(null), text);
        else if (value instanceof Map<?, ?> map) {
            String before = "{";
            for (Map.Entry<?, ?> entry : map.entrySet()) {
                text.append(before);
                quote(String.valueOf(entry.getKey()), text);
                text.append(':');
                write(entry.getValue(), text);
                before = ",";
            }
            text.append(map.isEmpty() ? "{}" : "}");
        } else if (value instanceof Iterable<?> all) {
            text.append('[');
            String before = "";
            for (Object one : all) {
                text.append(before);
                write(one, text);
                before = ",";
            }
            text.append(']');
        } else if (value.getClass().isArray()) {
            List<Object> all = new ArrayList<>();
            for (int i = 0; i < Array.getLength(value); i++) all.add(Array.get(value, i));
            write(all, text);
        } else write(properties(value), text);
    }

    private static Map<String, Object> properties(Object value) throws Exception {
        Map<String, Object> found = new LinkedHashMap<>();
        Class<?> type = value.getClass();
        if (type.isRecord()) {
            for (RecordComponent part : type.getRecordComponents()) {
                part.getAccessor().setAccessible(true);
                found.put(part.getName(), part.getAccessor().invoke(value));
            }
            return found;
        }
        // In the order of the fields, where a getter has one: getMethods() has no order.
        Map<String, Method> getters = new TreeMap<>();
        for (Method method : type.getMethods()) {
            String name = method.getName();
            if (method.getParameterCount() != 0 || Modifier.isStatic(method.getModifiers()) || name.equals("getClass") || method.getReturnType() == void.class) continue;
            int skip = name.startsWith("get") && name.length() > 3 ? 3 : name.startsWith("is") && name.length() > 2 && method.getReturnType() == boolean.class ? 2 : 0;
            if (skip > 0) getters.put(Character.toLowerCase(name.charAt(skip)) + name.substring(skip + 1), method);
        }
        for (Field field : type.getDeclaredFields()) {
            if (Modifier.isStatic(field.getModifiers())) continue;
            Method getter = getters.remove(field.getName());
            if (getter != null) found.put(field.getName(), read(getter, value));
            else if (Modifier.isPublic(field.getModifiers())) {
                field.setAccessible(true);
                found.put(field.getName(), field.get(value));
            }
        }
        for (Map.Entry<String, Method> getter : getters.entrySet()) found.put(getter.getKey(), read(getter.getValue(), value));
        return found;
    }

    private static Object read(Method getter, Object value) throws Exception {
        getter.setAccessible(true);
        return getter.invoke(value);
    }

    private static void quote(String value, StringBuilder text) {
        text.append('"');
        for (int i = 0; i < value.length(); i++) {
            char letter = value.charAt(i);
            if (letter == '"' || letter == '\\') text.append('\\').append(letter);
            else if (letter == '\n') text.append("\\n");
            else if (letter == '\r') text.append("\\r");
            else if (letter == '\t') text.append("\\t");
            else if (letter < 0x20) text.append(String.format("\\u%04x", (int) letter));
            else text.append(letter);
        }
        text.append('"');
    }
}
