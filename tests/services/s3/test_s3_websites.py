from __future__ import annotations

import http.client
import json
from urllib.parse import urlsplit

import pytest


@pytest.fixture
def site(world, s3):
    s3.create_bucket(Bucket="site")
    s3.delete_public_access_block(Bucket="site")
    allow = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": ["s3:GetObject", "s3:ListBucket"],
        "Resource": ["arn:aws:s3:::site", "arn:aws:s3:::site/*"],
    }
    s3.put_bucket_policy(Bucket="site", Policy=json.dumps({"Version": "2012-10-17", "Statement": [allow]}))
    s3.put_bucket_website(
        Bucket="site", WebsiteConfiguration={"IndexDocument": {"Suffix": "index.html"}, "ErrorDocument": {"Key": "error.html"}}
    )
    s3.put_object(Bucket="site", Key="index.html", Body=b"<h1>home</h1>", ContentType="text/html")
    s3.put_object(Bucket="site", Key="docs/index.html", Body=b"docs", ContentType="text/html")
    s3.put_object(Bucket="site", Key="error.html", Body=b"sorry", ContentType="text/html")
    return "site"


@pytest.fixture
def visit(world):
    def visit(path, method="GET", host="site.s3-website.localhost.localstack.cloud:4566", **headers):
        parts = urlsplit(world.endpoint)
        connection = http.client.HTTPConnection(parts.hostname, parts.port)
        connection.request(method, path, headers={"Host": host, **headers})
        answer = connection.getresponse()
        answer.text = answer.read().decode()
        connection.close()
        return answer

    return visit


def test_folders_are_answered_with_their_index(site, visit):
    home = visit("/")
    assert (home.status, home.text, home.getheader("content-type")) == (200, "<h1>home</h1>", "text/html")
    assert visit("/docs/").text == "docs"


@pytest.mark.parametrize(
    "host", ["site.s3-website-us-east-1.amazonaws.com", "site.s3-website.us-east-1.localhost:4566", "site.s3-website.localhost"]
)
def test_each_form_of_the_websites_host_works(site, visit, host):
    assert visit("/", host=host).status == 200


def test_a_folder_without_its_slash_is_redirected(site, visit):
    answer = visit("/docs")
    assert (answer.status, answer.getheader("location")) == (302, "/docs/")


def test_what_is_missing_gets_the_error_document(site, visit):
    answer = visit("/nothing")
    assert (answer.status, answer.text) == (404, "sorry")


def test_without_an_error_document_s3_has_its_own_page(s3, site, visit):
    s3.put_bucket_website(Bucket=site, WebsiteConfiguration={"IndexDocument": {"Suffix": "index.html"}})
    answer = visit("/nothing")
    assert answer.status == 404
    assert "<li>Code: NoSuchKey</li>" in answer.text


def test_what_the_public_may_not_read_is_forbidden(s3, site, visit):
    s3.delete_bucket_policy(Bucket=site)
    assert visit("/").status == 403


def test_head_has_no_body_and_other_methods_are_not_allowed(site, visit):
    head = visit("/", "HEAD")
    assert (head.status, head.text, head.getheader("content-length")) == (200, "", "13")
    assert visit("/", "DELETE").status == 405


def test_a_bucket_without_a_website_says_so(s3, bucket, visit):
    answer = visit("/", host=f"{bucket}.s3-website.localhost:4566")
    assert answer.status == 404
    assert "NoSuchWebsiteConfiguration" in answer.text


def test_an_object_may_redirect(s3, site, visit):
    s3.put_object(Bucket=site, Key="old", WebsiteRedirectLocation="/new")
    answer = visit("/old")
    assert (answer.status, answer.getheader("location")) == (301, "/new")


def test_all_requests_may_be_redirected(s3, site, visit):
    s3.put_bucket_website(Bucket=site, WebsiteConfiguration={"RedirectAllRequestsTo": {"HostName": "example.com", "Protocol": "https"}})
    assert visit("/a/b").getheader("location") == "https://example.com/a/b"


def test_routing_rules_redirect_prefixes_and_errors(s3, site, visit):
    rules = [
        {"Condition": {"KeyPrefixEquals": "old/"}, "Redirect": {"ReplaceKeyPrefixWith": "new/", "HttpRedirectCode": "307"}},
        {"Condition": {"HttpErrorCodeReturnedEquals": "404"}, "Redirect": {"HostName": "app.test", "ReplaceKeyWith": "index.html"}},
    ]
    s3.put_bucket_website(Bucket=site, WebsiteConfiguration={"IndexDocument": {"Suffix": "index.html"}, "RoutingRules": rules})
    moved = visit("/old/a")
    assert moved.status == 307
    assert moved.getheader("location").endswith("/new/a")
    assert visit("/nothing").getheader("location") == "http://app.test/index.html"


def test_an_unchanged_page_is_not_sent_again(site, visit):
    etag = visit("/").getheader("etag")
    assert visit("/", **{"If-None-Match": etag}).status == 304


def test_configurations_that_s3_refuses_are_refused(s3, bucket, aws_error):
    with aws_error("InvalidArgument"):
        s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration={"IndexDocument": {"Suffix": "a/b"}})
