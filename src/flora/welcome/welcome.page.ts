const ITEM = '5eed01000000000000000001';

/**
 * A page for people who open the shop in a browser. Nothing in it is loaded from elsewhere.
 *
 * @param port the shop's, so that the lines can be copied as they are
 */
export const welcomePage = (port: number): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Flora</title>
<link rel="icon" href="data:,">
<style>
  body { font: 1rem/1.55 system-ui, sans-serif; max-width: 46rem; margin: 3rem auto; padding: 0 1rem; color: #23312a; background: #fbfaf6 }
  h1 { font-size: 2rem; margin-bottom: 0 } h2 { font-size: 1.1rem; margin: 2rem 0 .3rem }
  a { color: #1d6b45 } code, pre { font: .9rem/1.5 ui-monospace, monospace }
  pre { background: #eef1e8; border-radius: .4rem; padding: .7rem .9rem; overflow-x: auto; margin: .4rem 0 }
</style>
</head>
<body>
<h1>Flora</h1>
<p>A small flower shop that shows how a cache and backups work together. Everything it can do is at <a href="/docs">/docs</a>.</p>

<h2>Look around</h2>
<p><a href="/products">/products</a> · <a href="/products?category=roses&amp;colour=red&amp;sort=-price">red roses, dearest first</a> · <a href="/categories">/categories</a> · <a href="/categories/peonies/favourites">favourite peonies</a> · <a href="/statistics">/statistics</a> · <a href="/health">/health</a></p>

<h2>A page, twice</h2>
<p>The second answer comes from the cache; its <code>Cache-Status</code> says so.</p>
<pre>curl -si localhost:${port}/products | grep -i cache-status
curl -si localhost:${port}/products | grep -i cache-status</pre>

<h2>A write, and the page is fresh</h2>
<p>The admin token is in the terminal where the shop was started.</p>
<pre>curl -s -X POST localhost:${port}/products/${ITEM}/restock \\
  -H "Authorization: Bearer $ADMIN_TOKEN" -H 'Content-Type: application/json' -d '{"quantity": 5}'
curl -si localhost:${port}/products | grep -i cache-status</pre>

<h2>Two customers, never mixed up</h2>
<p>Signing in is for the demo only: <code>demo-1</code> is customer 1, <code>demo-2</code> customer 2, and so on.</p>
<pre>curl -s localhost:${port}/me/orders -H 'Authorization: Bearer demo-1'
curl -s localhost:${port}/me/orders -H 'Authorization: Bearer demo-2'</pre>

<h2>Buy something</h2>
<pre>curl -s -X PUT localhost:${port}/cart/lines/${ITEM} \\
  -H 'Authorization: Bearer demo-1' -H 'Content-Type: application/json' -d '{"quantity": 2}'
curl -s localhost:${port}/cart/total -H 'Authorization: Bearer demo-1'
curl -s -X POST localhost:${port}/cart/checkout -H 'Authorization: Bearer demo-1'</pre>

<h2>Make a backup, and bring it back</h2>
<pre>curl -s -X POST localhost:${port}/admin/backups -H "Authorization: Bearer $ADMIN_TOKEN"
curl -s -X POST localhost:${port}/admin/backups/ID/restore \\
  -H "Authorization: Bearer $ADMIN_TOKEN" -H 'Content-Type: application/json' -d '{"confirm": "ID"}'
curl -s localhost:${port}/admin/cache -H "Authorization: Bearer $ADMIN_TOKEN"</pre>
</body>
</html>
`;
