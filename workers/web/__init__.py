"""The catalog as pages and as an API: `tagmill serve`.

A request passes the guards (`guards.py`: host, cross-site, who, how often), then the cap of its body (`bodies.py`),
then a route. Routes are plain functions in FastAPI's threads; what they need is in `deps.py`:

    @router.get("/products/{sku:path}")
    def product(request: Request, sku: Sku, connection: Reading, web: Here) -> Response:
        return web.templates.render(request, "product.html.j2", sku=sku)

* A router of pages is a module in `workers/web/pages/` with `router = APIRouter()`, named in `pages.ROUTERS`. All of
  its routes ask for a reader; one that changes something also asks for `caller: Writer`, whose `name` is the author.
  Requests from other sites are refused before they come here, so forms need no token.
* What changes something uses `web.runtime`, as commands do; `Reading` can only read.
* Templates are in `workers/web/templates/`, `NAME.html.j2`. They know `{{ asset("grid.css") }}`, the address of a file
  in `workers/web/static/`, `{{ caller }}`, who asks (`Caller`, or None at the log-in), and `{{ request }}`.
* Only scripts and styles in files of our own run: no `<script>` or `<style>` with content, no `style=`, no `onclick=`.
  SVG's attributes such as `fill=` are fine; so is htmx with `includeIndicatorStyles` and `allowEval` off.
* Errors are raised: HTTPException, or those of `catalog` and `models`; `failing.py` makes a page or JSON of them. Where
  nobody is logged in, a page leads to `/login`.
* Photos, without the metadata of their files: `/photos/ID`, `/photos/ID/thumb/SIDE` (`photos.SIDES`),
  `/photos/ID/cutout`, and `/masks/ID/MODEL`, a PNG of the photo's shape in which a label has its
  `photos.colour(number)`; `?side=SIDE` for the last two. Where a photo is gone, an `<img>` gets a placeholder.
"""
