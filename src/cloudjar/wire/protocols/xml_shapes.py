"""XML elements <-> Python values, as rest-xml, query and ec2 have them."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element, ParseError, XMLParser

from cloudjar.wire.models import Ref, Shape, XmlNamespace
from cloudjar.wire.shapes import RESPONSE_LOCATIONS, Compiler, Convert, UnknownMember, flattened, location_name, part, timestamp_format
from cloudjar.wire.values import TEXT_READERS, Malformed, text_writer

MAX_DEPTH = 200


def decode(body: bytes) -> Element:
    """An XML document's root; Malformed if it is none. No DTD, so no entities of its own; UTF-8 only; bounded depth."""
    if b"<!DOCTYPE" in body or b"\0" in body:
        raise Malformed("document", message="a document type is not allowed")
    parser = XMLParser(encoding="utf-8")
    try:
        parser.feed(body)
        root: Element = parser.close()
    except (ParseError, ValueError, LookupError) as error:
        raise Malformed("document", message=str(error)) from error
    if body.count(b"</") + body.count(b"/>") > MAX_DEPTH:
        check_depth(root)
    return root


def check_depth(root: Element) -> None:
    """Malformed if elements lie deeper than any AWS document's do."""
    level = [root]
    depth = 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise Malformed("document", message="too deep")
        level = [child for element in level for child in element]


def local_name(tag: str) -> str:
    """A tag without its namespace: "{http://s3...}Key" -> "Key"."""
    return tag[tag.index("}") + 1 :] if tag[:1] == "{" else tag


def escape(text: str) -> str:
    """Text between tags. Carriage returns would be lost in the reader's line-end handling, so they go as references."""
    if "&" in text:
        text = text.replace("&", "&amp;")
    if "<" in text:
        text = text.replace("<", "&lt;")
    if ">" in text:
        text = text.replace(">", "&gt;")
    if "\r" in text:
        text = text.replace("\r", "&#13;")
    return text


def escape_attribute(text: str) -> str:
    """Text between double quotes."""
    return escape(text).replace('"', "&quot;").replace("\n", "&#10;").replace("\t", "&#9;")


class XmlReader(Compiler):
    """Request bodies: element -> params. Elements that the model lacks are dropped."""

    def structure(self, ref: Ref, shape: Shape, members: dict[str, tuple[str, Convert, int]]) -> Convert:
        def read(element: Element) -> dict[str, Any]:
            params: dict[str, Any] = {}
            for child in element:
                tag = child.tag
                if tag[:1] == "{":
                    tag = tag[tag.index("}") + 1 :]
                entry = members.get(tag)
                if entry is None:
                    continue
                name, convert, repeats = entry
                try:
                    if repeats == ONE:
                        params[name] = convert(child)
                    elif repeats == LIST:
                        params.setdefault(name, []).append(convert(child))
                    else:
                        params.setdefault(name, {}).update(convert([child]))
                except ValueError as error:
                    raise Malformed("value", child.text, name) from error
            if attributes and element.attrib:
                for key, value in element.attrib.items():
                    member = attributes.get(local_name(key))
                    if member is not None:
                        params[member] = value
            return params

        attributes = {
            location_name(member, self.service.shape(member.shape), name).rpartition(":")[2]: name
            for name, member in shape.members.items()
            if member.xml_attribute
        }
        return read

    def fill(self, shape: Shape, members: dict[str, tuple[str, Convert, int]]) -> None:
        for name, ref in shape.members.items():
            if ref.location or ref.xml_attribute:
                continue
            target = self.service.shape(ref.shape)
            wire_name = location_name(ref, target, name)
            if target.type == "list" and flattened(ref, target):
                members[wire_name] = (name, self.compile(part(target.member)), LIST)
            elif target.type == "map" and flattened(ref, target):
                members[wire_name] = (name, self.compile(ref), MAP)
            else:
                members[wire_name] = (name, self.compile(ref), ONE)

    def list(self, ref: Ref, shape: Shape) -> Convert:
        read_item = self.compile(part(shape.member))
        return lambda element: [read_item(child) for child in element]

    def map(self, ref: Ref, shape: Shape) -> Convert:
        key_ref, value_ref = part(shape.key), part(shape.value)
        key_name, value_name = key_ref.location_name or "key", value_ref.location_name or "value"
        read_key, read_value = self.compile(key_ref), self.compile(value_ref)

        def read(entries: Any) -> dict[str, Any]:
            params = {}
            for entry in entries:
                key = value = None
                for child in entry:
                    tag = local_name(child.tag)
                    if tag == key_name:
                        key = read_key(child)
                    elif tag == value_name:
                        value = read_value(child)
                if key is None:
                    raise Malformed("map")
                params[key] = value
            return params

        return read

    def document(self, ref: Ref, shape: Shape) -> Convert:
        raise NotImplementedError("XML protocols have no documents")

    def scalar(self, ref: Ref, shape: Shape) -> Convert:
        convert = TEXT_READERS[shape.type]
        if shape.type == "string":
            return lambda element: element.text or ""
        return lambda element: convert((element.text or "").strip())


ONE, LIST, MAP = 0, 1, 2


class XmlWriter(Compiler):
    """Response bodies: value -> the text inside its element, without the element's own tags.

    The parent writes the tags, since it knows the name; so a closure here returns "" for an empty element.
    """

    timestamp = "iso8601"

    def structure(self, ref: Ref, shape: Shape, members: dict[str, Convert]) -> Convert:
        def write(value: dict[str, Any]) -> str:
            out = []
            for name, item in value.items():
                if item is None:
                    continue
                convert = members.get(name)
                if convert is None:
                    raise UnknownMember(f"{shape.name} has no member {name}")
                out.append(convert(item))
            return "".join(out)

        return write

    def fill(self, shape: Shape, members: dict[str, Convert]) -> None:
        for name, ref in shape.members.items():
            if ref.xml_attribute:
                members[name] = lambda value: ""
            elif ref.location not in RESPONSE_LOCATIONS and not ref.eventheader:
                members[name] = self.element(self.member_name(ref, self.service.shape(ref.shape), name), ref)

    def member_name(self, ref: Ref, shape: Shape, name: str) -> str:
        """The tag of a structure's member."""
        return location_name(ref, shape, name)

    def list_item_name(self, ref: Ref) -> str:
        """The tag of an element of a list that is not flattened."""
        return ref.location_name or "member"

    def element(self, tag: str, ref: Ref) -> Convert:
        """The closure that writes a value with its tags."""
        shape = self.service.shape(ref.shape)
        if shape.type == "list" and flattened(ref, shape):
            item_ref = part(shape.member)
            write_item = self.element(self.flat_item_name(tag, item_ref), item_ref)
            return lambda value: "".join([write_item(item) for item in value if item is not None])
        if shape.type == "map" and flattened(ref, shape):
            write_entries = self.map_entries(tag, shape)
            return lambda value: write_entries(value)
        if shape.type == "structure" and any(member.xml_attribute for member in shape.members.values()):
            return self.element_with_attributes(tag, ref, shape)
        convert = self.compile(ref)
        start, end, empty = f"<{tag}{namespace(ref, shape)}>", f"</{tag}>", f"<{tag}{namespace(ref, shape)}/>"

        def write(value: Any) -> str:
            inner = convert(value)
            return f"{start}{inner}{end}" if inner else empty

        return write

    def flat_item_name(self, tag: str, item_ref: Ref) -> str:
        """The tag of an element of a flattened list: the element's own name wins over the list's."""
        return item_ref.location_name or tag

    def element_with_attributes(self, tag: str, ref: Ref, shape: Shape) -> Convert:
        """A structure some of whose members are attributes of its own tag, such as a Grantee's xsi:type."""
        return self.with_attributes(f"<{tag}{namespace(ref, shape)}", tag, ref, shape)

    def with_attributes(self, head: str, tag: str, ref: Ref, shape: Shape) -> Convert:
        """The same, its start tag begun with `head`."""
        convert = self.compile(ref)
        attributes = {name: member.location_name or name for name, member in shape.members.items() if member.xml_attribute}

        def write(value: dict[str, Any]) -> str:
            inline = "".join([f' {attributes[name]}="{escape_attribute(str(item))}"' for name, item in value.items() if name in attributes])
            return f"{head}{inline}>{convert(value)}</{tag}>"

        return write

    def list(self, ref: Ref, shape: Shape) -> Convert:
        item_ref = part(shape.member)
        write_item = self.element(self.list_item_name(item_ref), item_ref)
        return lambda value: "".join([write_item(item) for item in value if item is not None])

    def map(self, ref: Ref, shape: Shape) -> Convert:
        return self.map_entries("entry", shape)

    def map_entries(self, tag: str, shape: Shape) -> Convert:
        """The closure that writes a map's entries, each under `tag`."""
        key_ref, value_ref = part(shape.key), part(shape.value)
        write_key = self.element(key_ref.location_name or "key", key_ref)
        write_value = self.element(value_ref.location_name or "value", value_ref)
        return lambda value: "".join([f"<{tag}>{write_key(key)}{write_value(item)}</{tag}>" for key, item in value.items()])

    def document(self, ref: Ref, shape: Shape) -> Convert:
        raise NotImplementedError("XML protocols have no documents")

    def scalar(self, ref: Ref, shape: Shape) -> Convert:
        if shape.type == "string":
            return lambda value: escape(value if isinstance(value, str) else str(value))
        wire_format = timestamp_format(ref, shape) or self.timestamp if shape.type == "timestamp" else ""
        return text_writer(shape.type, wire_format)


def namespace(ref: Ref, shape: Shape) -> str:
    """The xmlns attribute of an element, with a leading space; "" if it has none."""
    wanted = ref.xml_namespace or shape.xml_namespace
    if not wanted:
        return ""
    if isinstance(wanted, XmlNamespace):
        return f' xmlns:{wanted.prefix}="{wanted.uri}"' if wanted.prefix else f' xmlns="{wanted.uri}"'
    return f' xmlns="{wanted}"'
